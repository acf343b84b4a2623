#include "data/reason_kind.h"

#include <gtest/gtest.h>

namespace scalselect {
namespace {

TEST(Reasons, ThatDifferInWhatTheyQuoteAndCountAreOne) {
  EXPECT_EQ(reason_kind("conversations[12].from is missing"), "conversations[#].from is missing");
  EXPECT_EQ(reason_kind("image 'a/b 1.png' cannot be read"), "image '…' cannot be read");
  EXPECT_EQ(reason_kind("it's 3 of 14"), "it's # of #");
  EXPECT_EQ(reason_kind("'conversations' is not a list"), "'conversations' is not a list") << "the name of a key";
}

}  // namespace
}  // namespace scalselect
