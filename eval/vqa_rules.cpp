#include "eval/vqa_rules.h"

#include <algorithm>
#include <string_view>

#include "core/options.h"
#include "eval/matching.h"
#include "eval/text.h"
#include "eval/vqa_scores.h"
#include "eval/vqa_text.h"

namespace scalselect::eval {
namespace {

using Texts = std::vector<std::string>;
using TextStep = std::string (*)(const std::string&);

std::string as_it_is(const std::string& text) { return text; }
std::string stripped(const std::string& text) { return strip(text); }
std::string lower_stripped(const std::string& text) { return lower(strip(text)); }
std::string bare(const std::string& text) { return bare_answer(text); }
std::string mmf(const std::string& text) { return mmf_answer(text); }
std::string mmf_of_stripped(const std::string& text) { return mmf_answer(strip(text)); }
std::string vk_2024(const std::string& text) { return vqa_answer(text, VqaDialect::kOfficial); }
std::string vk(const std::string& text) { return vqa_answer(text, VqaDialect::kVk); }
std::string mmf_without_words(const std::string& text) { return vqa_answer(text, VqaDialect::kMmf); }

// LLaVA's converter for GQA takes final periods away, whatever blanks follow.
std::string gqa_llava(const std::string& text) {
  std::string_view bare_text = text;
  while (bare_text.ends_with('.')) bare_text.remove_suffix(1);
  return lower(bare_text);
}

std::string without_ascii_punctuation(const std::string& text) {
  std::string result = lower(strip(text));
  std::erase_if(result, [](char c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
  });
  return result;
}

// References and answer through one step each.
template <TextStep Step>
Texts each_reference(const Question& question) {
  Texts result;
  for (const auto& answer : question.answers) result.push_back(Step(answer));
  return result;
}
template <TextStep Step>
std::string through(const Question&, const std::string& raw) {
  return Step(raw);
}

// The official VQA evaluation leaves texts as they are where all references agree.
bool references_agree(const Question& question) {
  const auto first = question.answers.empty() ? std::string() : one_line_answer(question.answers.front());
  return std::all_of(question.answers.begin(), question.answers.end(),
                     [&](const std::string& answer) { return one_line_answer(answer) == first; });
}
std::string vqa_official(const Question& question, const std::string& raw) {
  return references_agree(question) ? one_line_answer(raw) : vqa_answer(raw, VqaDialect::kOfficial);
}
Texts vqa_official_references(const Question& question) {
  Texts result;
  for (const auto& answer : question.answers) result.push_back(vqa_official(question, answer));
  return result;
}

template <Averaging Mean>
double soft(const Texts& references, const std::string& value) {
  return soft_accuracy(references, value, Mean);
}
// Three of ten references are full marks; of fewer than four, one is.
double soft_or_any(const Texts& references, const std::string& value) {
  if (references.size() >= 4) return soft_accuracy(references, value, Averaging::kRunning);
  return std::find(references.begin(), references.end(), value) != references.end() ? 1 : 0;
}
double any_equal(const Texts& references, const std::string& value) {
  return std::find(references.begin(), references.end(), value) != references.end() ? 1 : 0;
}
template <bool Swapped>
double any_relaxed(const Texts& references, const std::string& value) {
  const bool right = std::any_of(references.begin(), references.end(), [&](const std::string& target) {
    return Swapped ? relaxed_match(value, target) : relaxed_match(target, value);
  });
  return right ? 1 : 0;
}
double any_equal_or_number(const Texts& references, const std::string& value) {
  const auto said = python_float(value);
  const bool right = std::any_of(references.begin(), references.end(), [&](const std::string& target) {
    return target == value || (said && python_float(target) == said);
  });
  return right ? 1 : 0;
}
double similarity(const Texts& references, const std::string& value) { return anls(references, value); }
double any_inside(const Texts& references, const std::string& value) {
  const bool right = std::any_of(references.begin(), references.end(), [&](const std::string& target) {
    return !target.empty() && value.find(target) != std::string::npos;
  });
  return right ? 1 : 0;
}

using YesNo = Parsed (*)(const std::string&);
template <YesNo Read>
std::string yes_no(const Question&, const std::string& raw) {
  return Read(raw).value;
}

struct Entry {
  OpenAnswerKind kind;
  Matcher matcher;
  AnswerRule rule;
};

template <TextStep Step>
constexpr AnswerRule same_step(double (*score)(const Texts&, const std::string&)) {
  return {each_reference<Step>, through<Step>, score};
}

constexpr AnswerRule kVkSoft2024 = same_step<vk_2024>(soft<Averaging::kPairwise>);
constexpr AnswerRule kVkSoft = same_step<vk>(soft<Averaging::kPairwise>);
constexpr AnswerRule kVkExact = same_step<lower_stripped>(any_equal);
constexpr AnswerRule kVkRelaxed = {each_reference<as_it_is>, through<stripped>, any_relaxed<false>};
constexpr AnswerRule kVkAnls = same_step<as_it_is>(similarity);
template <YesNo Read>
constexpr AnswerRule kYesNo = {each_reference<lower_stripped>, yes_no<Read>, any_equal};
constexpr AnswerRule kContains = same_step<lower_stripped>(any_inside);

// The first entry of a kind is its default.
const std::vector<Entry> kRules = {
    {OpenAnswerKind::kTextVqa, Matcher::kOfficial, same_step<mmf>(soft<Averaging::kRunning>)},
    {OpenAnswerKind::kTextVqa, Matcher::kVk2024, kVkSoft2024},
    {OpenAnswerKind::kTextVqa, Matcher::kVk2025, kVkSoft},
    {OpenAnswerKind::kTextVqa, Matcher::kVk2026, kVkSoft},
    {OpenAnswerKind::kTextVqa,
     Matcher::kLmmsEval,
     {each_reference<mmf>, through<mmf_of_stripped>, soft<Averaging::kExact>}},
    {OpenAnswerKind::kTextVqa, Matcher::kStrict, same_step<bare>(soft_or_any)},
    {OpenAnswerKind::kVqa, Matcher::kOfficial, {vqa_official_references, vqa_official, soft<Averaging::kRunning>}},
    {OpenAnswerKind::kVqa, Matcher::kVk2024, kVkSoft2024},
    {OpenAnswerKind::kVqa, Matcher::kVk2025, kVkSoft},
    {OpenAnswerKind::kVqa, Matcher::kVk2026, kVkSoft},
    {OpenAnswerKind::kVqa, Matcher::kLmmsEval, same_step<mmf_without_words>(soft<Averaging::kExact>)},
    {OpenAnswerKind::kVqa, Matcher::kStrict, same_step<bare>(soft_or_any)},
    {OpenAnswerKind::kExact, Matcher::kOfficial, {each_reference<as_it_is>, through<gqa_llava>, any_equal}},
    {OpenAnswerKind::kExact, Matcher::kVk2024, kVkExact},
    {OpenAnswerKind::kExact, Matcher::kVk2025, kVkExact},
    {OpenAnswerKind::kExact, Matcher::kVk2026, kVkExact},
    {OpenAnswerKind::kExact, Matcher::kLmmsEval, same_step<without_ascii_punctuation>(any_equal)},
    {OpenAnswerKind::kExact, Matcher::kStrict, same_step<bare>(any_equal)},
    {OpenAnswerKind::kRelaxed, Matcher::kVk2026, kVkRelaxed},
    {OpenAnswerKind::kRelaxed, Matcher::kVk2025, kVkRelaxed},
    {OpenAnswerKind::kRelaxed, Matcher::kVk2024, {each_reference<as_it_is>, through<stripped>, any_relaxed<true>}},
    {OpenAnswerKind::kRelaxed, Matcher::kLmmsEval, kVkRelaxed},
    {OpenAnswerKind::kRelaxed, Matcher::kStrict, same_step<bare>(any_equal_or_number)},
    {OpenAnswerKind::kAnls, Matcher::kVk2026, kVkAnls},
    {OpenAnswerKind::kAnls, Matcher::kVk2025, kVkAnls},
    {OpenAnswerKind::kAnls, Matcher::kVk2024, kVkAnls},
    {OpenAnswerKind::kAnls, Matcher::kLmmsEval, {each_reference<as_it_is>, through<stripped>, similarity}},
    {OpenAnswerKind::kAnls, Matcher::kStrict, same_step<bare>(any_equal)},
    {OpenAnswerKind::kContains, Matcher::kStrict, kContains},
    {OpenAnswerKind::kYesNo, Matcher::kStrict, kYesNo<strict_yes_no>},
    {OpenAnswerKind::kYesNo, Matcher::kVk2024, kYesNo<vk_yes_no>},
    {OpenAnswerKind::kYesNo, Matcher::kVk2025, kYesNo<vk_yes_no>},
    {OpenAnswerKind::kYesNo, Matcher::kVk2026, kYesNo<vk_yes_no>},
    {OpenAnswerKind::kYesNo, Matcher::kOfficial, kYesNo<pope_yes_no>},
};

}  // namespace

const AnswerRule* answer_rule(OpenAnswerKind kind, Matcher matcher) {
  for (const auto& entry : kRules) {
    if (entry.kind == kind && (matcher == Matcher::kDefault || entry.matcher == matcher)) return &entry.rule;
  }
  return nullptr;
}

std::vector<std::string> matchers_of(OpenAnswerKind kind) {
  std::vector<std::string> names;
  for (const auto& entry : kRules) {
    if (entry.kind != kind) continue;
    BenchmarkOptions options;
    options.matcher = entry.matcher;
    names.push_back(dump_options(options)["matcher"].get<std::string>());
  }
  return names;
}

}  // namespace scalselect::eval
