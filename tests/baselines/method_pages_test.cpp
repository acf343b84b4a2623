#include "baselines/method_pages.h"

#include <gmock/gmock.h>

#include "core/files.h"

namespace scalselect {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MethodPages, CheckedInFileIsCurrent) {
  EXPECT_EQ(read_file(SCALSELECT_SOURCE_DIR "/docs/methods.md"), methods_markdown())
      << "run: scalselect methods --markdown > docs/methods.md";
}

TEST(MethodPages, NameEveryMethodAndOption) {
  const auto text = methods_markdown();
  for (const auto& entry : methods()) {
    EXPECT_THAT(text, HasSubstr("## `" + entry.name + "`\n"));
    for (const auto& option : entry.options) EXPECT_THAT(method_page(entry), HasSubstr("| `" + option.name + "` |"));
  }
}

TEST(MethodPages, SayWhatAMethodReadsAndDraws) {
  const auto page = method_page(find_method("d2_pruning"));
  EXPECT_THAT(page, HasSubstr("pooled_visual(hidden_layer=1"));
  EXPECT_THAT(page, HasSubstr("` and `answer_loss(context=all)`"));
  EXPECT_THAT(page, HasSubstr("ignores the seed"));
  EXPECT_THAT(page, HasSubstr("| `average` | tokens \\| turns | `tokens` |"));
  EXPECT_THAT(page, Not(HasSubstr("{\"representation\"")));
  EXPECT_THAT(method_page(find_method("rds_plus")), HasSubstr("if a target pool is given, its `"));
  EXPECT_THAT(method_page(find_method("less")), HasSubstr("of the target pool that it requires, `"));
  EXPECT_THAT(method_page(find_method("random")), HasSubstr("It reads nothing of the model"));
}

}  // namespace
}  // namespace scalselect
