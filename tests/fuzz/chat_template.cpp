// A model folder's chat template: Jinja, and the prompts that are made by it.
#include "tests/fuzz/input.h"
#include "vlm/chat_program.h"

using namespace scalselect;

namespace {

void check_spans(const vlm::ChatText& made) {
  std::int64_t end = 0;
  for (const auto& span : made.spans) {
    fuzz::require(end <= span.bytes.begin && span.bytes.begin < span.bytes.end);
    end = span.bytes.end;
  }
  fuzz::require(end <= static_cast<std::int64_t>(made.text.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string source(fuzz::text(data, size));
  const std::vector<Turn> turns = {
      {Role::kSystem, "S"}, {Role::kUser, "<image>\n a "}, {Role::kAssistant, "<think>b</think>c"}};
  fuzz::expect_value_or_refusal([&] {
    const auto& layout = vlm::chat_layout("llava-1.5");
    const vlm::ChatProgram program({source, "x"}, layout, {{"bos_token", "<s>"}});
    program.equals(layout);
    check_spans(program.text(turns, 1, {.training = true}));
    check_spans(program.text(turns, 0, {.generation_prompt = true}));
  });
  try {
    const auto variables = vlm::jinja::Value::from_json(nlohmann::json::parse(
        R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, 1, 2.5, null, true, {}]}], "s": "é x"})"));
    vlm::jinja::Template(source).render(variables, std::tm{});
  } catch (const vlm::jinja::Error&) {
  }
  return 0;
}
