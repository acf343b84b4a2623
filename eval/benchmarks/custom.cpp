// A benchmark of the user's own: any table or list, described by options (docs/custom_benchmark.md).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/error.h"
#include "eval/multiple_choice.h"
#include "eval/prompts.h"
#include "eval/registry.h"
#include "eval/text.h"
#include "eval/vqa_benchmark.h"
#include "eval/vqa_prompts.h"

namespace scalselect::eval {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Reads the rows of the user's file as the options say.
class Reader {
 public:
  Reader(const BenchmarkOptions& options, const std::string& image_cache)
      : options_(options), custom_(options.custom), pictures_(image_cache, image_folder(options, {})) {}

  std::vector<Question> read() {
    const std::vector<std::string> lists =
        custom_.list.empty() ? std::vector<std::string>{"questions", "data"} : std::vector<std::string>{custom_.list};
    std::size_t number = 0;
    std::set<std::string> columns;
    auto questions =
        questions_of(options_.path, lists, [&](const json& row, const std::string& where, Question& question) {
          for (const auto& item : row.items()) columns.insert(item.key());
          fill(row, number++, where, question);
          return true;
        });
    refuse_unknown_columns(columns);
    mark_unreferenced(questions);
    return questions;
  }

 private:
  // A row may lack what not every question has, and so would a column whose name is misspelt.
  void refuse_unknown_columns(const std::set<std::string>& columns) const {
    std::vector<std::pair<const char*, std::string>> named = {{"hint", custom_.hint}, {"category", custom_.category}};
    for (const auto& name : custom_.options) named.emplace_back("options", name);
    const bool scored = custom_.metric != CustomMetric::kNone;
    // A test set lacks the usual column; one that the user names is meant to be there.
    if (scored && custom_.answer != CustomOptions().answer) named.emplace_back("answer", custom_.answer);
    for (const auto& [setting, name] : named) {
      if (name.empty() || columns.contains(name)) continue;
      throw UserError(ErrorKind::kInput,
                      fmt::format("custom.{}: no row of {} has a column '{}' (they have {})", setting, options_.path,
                                  name, fmt::join(columns, ", ")),
                      fmt::format("Set it to a column that is there, or leave `custom.{}` out.", setting));
    }
  }

  void fill(const json& row, std::size_t number, const std::string& where, Question& question) const {
    question.id = custom_.id.empty() ? std::to_string(number) : column(row, custom_.id, "id", where);
    question.group = question.id;
    question.question = column(row, custom_.question, "question", where);
    question.hint = optional(row, custom_.hint, where);
    question.category = optional(row, custom_.category, where);
    question.cluster = question.id;
    if (!custom_.image.empty()) {
      column_there(row, custom_.image, "image", where);
      pictures_.read(row[custom_.image], where, question);
    }
    add_options(row, where, question);
    add_answers(row, where, question);
    question.prompt = prompt_of(row, where, question);
  }

  void column_there(const json& row, const std::string& name, const char* role, const std::string& where) const {
    if (!first_key(row, {name}).empty()) return;
    throw UserError(ErrorKind::kInput, without(row, {name}, where),
                    fmt::format("Set `custom.{}` to the column that holds it.", role));
  }
  std::string column(const json& row, const std::string& name, const char* role, const std::string& where) const {
    column_there(row, name, role, where);
    return text_of(row, {name}, where);
  }
  static std::string optional(const json& row, const std::string& name, const std::string& where) {
    return name.empty() ? std::string() : optional_text(row, {name}, where);
  }

  void add_options(const json& row, const std::string& where, Question& question) const {
    std::vector<std::string> texts;
    if (custom_.options.size() == 1) {
      column_there(row, custom_.options[0], "options", where);
      texts = split_texts(text_list(row, custom_.options[0], where));
    } else {
      // A question may have fewer options than there are columns.
      for (const auto& name : custom_.options) {
        if (!first_key(row, {name}).empty()) texts.push_back(text_of(row, {name}, where));
      }
    }
    for (auto& text : texts) {
      question.options.push_back({std::string(1, static_cast<char>('A' + question.options.size())), std::move(text)});
    }
    if (custom_.metric != CustomMetric::kChoice || (texts.size() >= 2 && texts.size() <= 26)) return;
    throw UserError(ErrorKind::kInput,
                    fmt::format("{} (question '{}') has {} options in the columns '{}'", where, question.id,
                                texts.size(), fmt::join(custom_.options, "', '")),
                    "`metric: choice` needs 2 to 26; name their columns in `custom.options`.");
  }

  void add_answers(const json& row, const std::string& where, Question& question) const {
    if (custom_.metric == CustomMetric::kNone || first_key(row, {custom_.answer}).empty()) return;
    question.answers = split_texts(text_list(row, custom_.answer, where));
    if (question.answers.empty()) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("{} (question '{}') has an empty list of answers", where, question.id));
    }
    if (custom_.metric == CustomMetric::kContains) require_a_text(question, where);
    if (custom_.metric == CustomMetric::kSoft) require_several_references(question, where);
    if (custom_.metric == CustomMetric::kYesNo) require_yes_or_no(question, where);
    if (custom_.metric == CustomMetric::kChoice) question.answers = {letter_of(question, where)};
  }

  std::vector<std::string> split_texts(std::vector<std::string> texts) const {
    if (custom_.separator.empty() || texts.size() != 1) return texts;
    std::vector<std::string> parts;
    const std::string whole = texts.front();
    for (std::size_t begin = 0; begin <= whole.size();) {
      const std::size_t end = std::min(whole.find(custom_.separator, begin), whole.size());
      parts.push_back(strip(std::string_view(whole).substr(begin, end - begin)));
      begin = end + custom_.separator.size();
    }
    return parts;
  }

  // An empty text is a part of every response and tells nothing of it: it never counts as found.
  static void require_a_text(const Question& question, const std::string& where) {
    const auto& answers = question.answers;
    if (!std::all_of(answers.begin(), answers.end(), [](const auto& answer) { return strip(answer).empty(); })) return;
    throw UserError(
        ErrorKind::kInput,
        fmt::format("{} (question '{}') has an empty answer, which no response is searched for", where, question.id),
        "`metric: contains` needs a text; `metric: none` collects answers without scoring them.");
  }

  static void require_yes_or_no(Question& question, const std::string& where) {
    const std::string answer = lower(strip(question.answers.front()));
    if (question.answers.size() == 1 && (answer == "yes" || answer == "no")) {
      question.answers = {answer};
      return;
    }
    throw UserError(ErrorKind::kInput,
                    fmt::format("{} (question '{}') has the answer '{}'", where, question.id, question.answers.front()),
                    "`metric: yes_no` needs yes or no.");
  }

  std::string letter_of(const Question& question, const std::string& where) const {
    const std::string answer = strip(question.answers.front());
    std::vector<std::string> same;
    for (std::size_t i = 0; i < question.options.size(); ++i) {
      const Option& option = question.options[i];
      const bool right = custom_.choice == ChoiceAnswer::kLetter   ? option.label == answer
                         : custom_.choice == ChoiceAnswer::kNumber ? std::to_string(i) == answer
                                                                   : strip(option.text) == answer;
      if (right) same.push_back(option.label);
    }
    if (same.size() == 1 && question.answers.size() == 1) return same[0];
    throw UserError(
        ErrorKind::kInput,
        fmt::format("{} (question '{}') has the answer '{}', which {} of its {} options", where, question.id, answer,
                    same.empty() ? "is none" : "fits several", question.options.size()),
        "Set `custom.choice` to letter, number (from 0) or text, as your answers are written.");
  }

  std::string prompt_of(const json& row, const std::string& where, const Question& question) const {
    if (custom_.prompt.empty()) {
      if (!question.options.empty()) {
        return multiple_choice_prompt(options_.style, question.question, question.hint, question.options,
                                      options_.language);
      }
      const std::string text = question.hint.empty() ? question.question : question.hint + "\n" + question.question;
      const bool bare = custom_.metric == CustomMetric::kNone;
      return open_prompt(options_.style, bare ? OpenPrompt::kBare : OpenPrompt::kShort, text);
    }
    const std::string& form = custom_.prompt;
    std::string text;
    for (std::size_t at = 0; at < form.size(); ++at) {
      const char c = form[at];
      if ((c == '{' || c == '}') && at + 1 < form.size() && form[at + 1] == c) {
        text += form[at++];
      } else if (c != '{') {
        text += c;
      } else {
        const std::size_t end = form.find('}', at);
        if (end == std::string::npos) {
          throw UserError(ErrorKind::kUsage, "`custom.prompt` has a '{' that never closes", "A brace itself is '{{'.");
        }
        text += filled(form.substr(at + 1, end - at - 1), row, where, question);
        at = end;
      }
    }
    return text;
  }

  std::string filled(const std::string& name, const json& row, const std::string& where,
                     const Question& question) const {
    if (name == "question") return question.question;
    if (name == "hint") return question.hint;
    if (name == "options") {
      std::string lines;
      for (const auto& option : question.options) {
        lines += (lines.empty() ? "" : "\n") + option.label + ". " + option.text;
      }
      return lines;
    }
    column_there(row, name, "prompt", where);
    return text_of(row, {name}, where);
  }

  const BenchmarkOptions& options_;
  const CustomOptions& custom_;
  RowPictures pictures_;
};

class CustomChoice final : public MultipleChoice {
 public:
  using MultipleChoice::MultipleChoice;
  bool references_optional() const override { return true; }

 protected:
  std::vector<std::string> annotation_files() const override { return row_files(options_.path); }
  std::vector<Question> read(const std::string& image_cache) const override {
    return Reader(options_, image_cache).read();
  }
};

class CustomOpen final : public OpenAnswer {
 public:
  CustomOpen(const BenchmarkOptions& options, OpenAnswerKind kind) : OpenAnswer(options, kind) {}

 protected:
  std::vector<Question> read(const std::string& image_cache) const override {
    return Reader(options_, image_cache).read();
  }
};

OpenAnswerKind kind_of(CustomMetric metric) {
  switch (metric) {
    case CustomMetric::kYesNo: return OpenAnswerKind::kYesNo;
    case CustomMetric::kSoft: return OpenAnswerKind::kTextVqa;
    case CustomMetric::kRelaxed: return OpenAnswerKind::kRelaxed;
    case CustomMetric::kAnls: return OpenAnswerKind::kAnls;
    case CustomMetric::kContains: return OpenAnswerKind::kContains;
    default: return OpenAnswerKind::kExact;
  }
}

}  // namespace

/// A user's own file: options().custom says what its columns mean.
std::unique_ptr<Benchmark> make_custom(const BenchmarkOptions& options) {
  if (options.custom.metric == CustomMetric::kChoice) return std::make_unique<CustomChoice>(options);
  return std::make_unique<CustomOpen>(options, kind_of(options.custom.metric));
}

}  // namespace scalselect::eval
