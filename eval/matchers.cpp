#include "eval/matchers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "eval/matching.h"
#include "eval/text.h"

namespace scalselect::eval {
namespace {

constexpr const char* kVk2024 = "VLMEvalKit before c3371551";
constexpr const char* kVk2025 = "VLMEvalKit c3371551, matching_util.py";
constexpr const char* kVk2026 = "VLMEvalKit a67ace50, matching_util.py";
constexpr const char* kVkYesNo = "VLMEvalKit e8e78f05, yorn.py";
constexpr const char* kVkOcr = "VLMEvalKit e8e78f05, image_vqa.py";
constexpr const char* kOwn = "ScalSelect";

template <OptionRules rules>
Parsed vk_option(const Question& question, const std::string& raw) {
  return infer_option(raw, question.options, rules);
}
Parsed own_option(const Question& question, const std::string& raw) { return strict_option(raw, question.options); }
template <Parsed (*rule)(const std::string&)>
Parsed answer_only(const Question&, const std::string& raw) {
  return rule(raw);
}
template <Parsed (*rule)(const std::string&, const std::vector<Option>&)>
Parsed with_options(const Question& question, const std::string& raw) {
  return rule(raw, question.options);
}
template <Folding folding>
Parsed ocr(const Question& question, const std::string& raw) {
  return ocrbench_match(raw, question.answers, question.category == kOcrFormulas, folding);
}

// The label of an option and nothing else.
Parsed whole_letter(const Question& question, const std::string& raw) {
  const std::string text = strip(raw);
  const auto same = [&](const Option& option) { return option.label == text; };
  const bool found = std::any_of(question.options.begin(), question.options.end(), same);
  return found ? Parsed{text, "option"} : Parsed{"", "none"};
}
// The first character, whatever its case.
Parsed first_letter(const Question& question, const std::string& raw) {
  const std::string letter = lower(strip(raw).substr(0, 1));
  for (const auto& option : question.options) {
    if (lower(option.label) == letter) return {option.label, "option"};
  }
  return {"", "none"};
}

// VLMEvalKit and this project read letters alike in all benchmarks.
#define SCALSELECT_OPTION_RULES(kind)                                       \
  {Matcher::kVk2024, kind, vk_option<OptionRules::kVk2024>, kVk2024},       \
      {Matcher::kVk2025, kind, vk_option<OptionRules::kVk2025>, kVk2025},   \
      {Matcher::kVk2026, kind, vk_option<OptionRules::kVk2026>, kVk2026}, { \
    Matcher::kStrict, kind, own_option, kOwn                                \
  }
#define SCALSELECT_YES_NO_RULES(kind)                               \
  {Matcher::kVk2024, kind, answer_only<vk_yes_no>, kVkYesNo},       \
      {Matcher::kVk2025, kind, answer_only<vk_yes_no>, kVkYesNo},   \
      {Matcher::kVk2026, kind, answer_only<vk_yes_no>, kVkYesNo}, { \
    Matcher::kStrict, kind, answer_only<strict_yes_no>, kOwn        \
  }

const std::vector<MatcherRule> kRules = {
    SCALSELECT_OPTION_RULES(AnswerKind::kOption),

    SCALSELECT_OPTION_RULES(AnswerKind::kSeedOption),
    {Matcher::kOfficial, AnswerKind::kSeedOption, whole_letter,
     "LLaVA c121f043, scripts/convert_seed_for_submission.py"},
    {Matcher::kLmmsEval, AnswerKind::kSeedOption, first_letter, "lmms-eval 75571cfe, seedbench/utils.py"},

    SCALSELECT_OPTION_RULES(AnswerKind::kMmBenchOption),
    {Matcher::kLmmsEval, AnswerKind::kMmBenchOption, with_options<lmms_mmbench_option>,
     "lmms-eval 75571cfe, mmbench_evals.py, static mode"},

    SCALSELECT_OPTION_RULES(AnswerKind::kAi2dOption),
    {Matcher::kLmmsEval, AnswerKind::kAi2dOption, with_options<lmms_ai2d_option>, "lmms-eval 75571cfe, ai2d/utils.py"},
    SCALSELECT_OPTION_RULES(AnswerKind::kAi2dText),
    {Matcher::kLmmsEval, AnswerKind::kAi2dText, with_options<lmms_ai2d_text>, "lmms-eval 75571cfe, ai2d/utils.py"},

    SCALSELECT_OPTION_RULES(AnswerKind::kScienceQaOption),
    {Matcher::kOfficial, AnswerKind::kScienceQaOption, with_options<scienceqa_option>,
     "LLaVA c121f043, eval_science_qa.py"},
    {Matcher::kLmmsEval, AnswerKind::kScienceQaOption, with_options<lmms_scienceqa_option>,
     "lmms-eval 75571cfe, scienceqa/utils.py"},

    SCALSELECT_YES_NO_RULES(AnswerKind::kPopeYesNo),
    {Matcher::kOfficial, AnswerKind::kPopeYesNo, answer_only<pope_yes_no>, "POPE evaluate.py, LLaVA eval_pope.py"},
    {Matcher::kLmmsEval, AnswerKind::kPopeYesNo, answer_only<lmms_pope_yes_no>, "lmms-eval 75571cfe, pope/utils.py",
     Unreadable::kIsLeftOut},

    SCALSELECT_YES_NO_RULES(AnswerKind::kMmeYesNo),
    {Matcher::kOfficial, AnswerKind::kMmeYesNo, answer_only<mme_yes_no>, "MME eval_tool, calculation.py"},
    {Matcher::kLmmsEval, AnswerKind::kMmeYesNo, answer_only<lmms_mme_yes_no>, "lmms-eval 75571cfe, mme/utils.py"},

    {Matcher::kVk2024, AnswerKind::kOcrText, ocr<Folding::kNone>, kVkOcr},
    {Matcher::kVk2025, AnswerKind::kOcrText, ocr<Folding::kNone>, kVkOcr},
    {Matcher::kVk2026, AnswerKind::kOcrText, ocr<Folding::kNone>, kVkOcr},
    {Matcher::kStrict, AnswerKind::kOcrText, ocr<Folding::kNone>, kOwn},
    {Matcher::kOfficial, AnswerKind::kOcrText, ocr<Folding::kNone>, "MultimodalOCR example.py"},
    {Matcher::kLmmsEval, AnswerKind::kOcrText, ocr<Folding::kFullWidth>, "lmms-eval 75571cfe, ocrbench/utils.py"},
};

Matcher resolve(AnswerKind kind, Matcher matcher) {
  if (matcher != Matcher::kDefault) return matcher;
  const bool official = kind == AnswerKind::kPopeYesNo || kind == AnswerKind::kMmeYesNo || kind == AnswerKind::kOcrText;
  return official ? Matcher::kOfficial : Matcher::kVk2026;
}

}  // namespace

const char* matcher_name(Matcher matcher) {
  switch (matcher) {
    case Matcher::kDefault: return "default";
    case Matcher::kVk2024: return "vk-2024";
    case Matcher::kVk2025: return "vk-2025";
    case Matcher::kVk2026: return "vk-2026";
    case Matcher::kOfficial: return "official";
    case Matcher::kLmmsEval: return "lmms-eval";
    case Matcher::kStrict: return "strict";
  }
  return "";
}

std::vector<Matcher> matchers_of(AnswerKind kind) {
  std::vector<Matcher> matchers = {resolve(kind, Matcher::kDefault)};
  for (const auto& rule : kRules) {
    if (rule.kind == kind && rule.matcher != matchers.front()) matchers.push_back(rule.matcher);
  }
  return matchers;
}

void refuse_matcher(const std::string& benchmark, Matcher matcher, const std::vector<Matcher>& known) {
  std::vector<std::string> names;
  for (const Matcher one : known) names.emplace_back(matcher_name(one));
  throw UserError(ErrorKind::kUsage,
                  fmt::format("benchmark '{}' has no answer rules '{}'", benchmark, matcher_name(matcher)),
                  known.empty() ? "Leave `matcher` out: its answers are collected, not scored."
                                : fmt::format("Set `matcher` to one of {}.", fmt::join(names, ", ")));
}

const MatcherRule& matcher_rule(AnswerKind kind, Matcher matcher) {
  const Matcher wanted = resolve(kind, matcher);
  const auto found = std::find_if(kRules.begin(), kRules.end(),
                                  [&](const MatcherRule& rule) { return rule.kind == kind && rule.matcher == wanted; });
  if (found != kRules.end()) return *found;
  std::vector<std::string> names;
  for (const Matcher known : matchers_of(kind)) names.emplace_back(matcher_name(known));
  throw UserError(ErrorKind::kUsage, fmt::format("there is no matcher '{}' for these answers", matcher_name(matcher)),
                  fmt::format("Set `matcher` to one of {}.", fmt::join(names, ", ")));
}

}  // namespace scalselect::eval
