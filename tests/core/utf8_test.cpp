#include "core/utf8.h"

#include <gtest/gtest.h>

namespace scalselect {
namespace {

TEST(Utf8, EveryLengthGoesThereAndBack) {
  for (const char32_t point : {U'\u0001', U'\u007f', U'\u0080', U'\u07ff', U'\u0800', U'\ud7ff', U'\ue000', U'\uffff',
                               U'\U00010000', U'\U0010ffff'}) {
    std::string text = "ab";
    append_utf8(text, point);
    const auto next = decode_utf8(text, 2);
    EXPECT_TRUE(next.valid);
    EXPECT_EQ(next.point, point);
    EXPECT_EQ(next.bytes, text.size() - 2);
  }
}

TEST(Utf8, WideTextIsKnownByItsBeginning) {
  using std::operator""sv;
  EXPECT_EQ(wide_encoding("\xFF\xFEi\0"sv), "UTF-16");
  EXPECT_EQ(wide_encoding("\xFF\xFE\0\0i\0\0\0"sv), "UTF-32");
  EXPECT_EQ(wide_encoding("i\0n\0d\0e\0\xe4\x13"sv), "UTF-16LE");
  EXPECT_EQ(wide_encoding("\0i\0n\0d"sv), "UTF-16BE");
  EXPECT_EQ(wide_encoding("\0\0\0i\0\0\0n"sv), "UTF-32BE");
  for (const auto plain : {""sv, "a"sv, "a\0"sv, "ab\0c"sv, "index\t"sv, "\0\0\0\0\0\0\0\0"sv, "\xEF\xBB\xBFi"sv}) {
    EXPECT_EQ(wide_encoding(plain), "") << plain;
  }
}

// The Unicode Standard, table 3-8 and the examples of section 3.9.
TEST(Utf8, IllFormedPartsBecomeOneReplacementEach) {
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(repair_utf8("a\xf1\x80\x80\xe1\x80\xc2z"), "a" + bad + bad + bad + "z");
  EXPECT_EQ(repair_utf8("\xc0\xaf"), bad + bad);                      // overlong
  EXPECT_EQ(repair_utf8("\xed\xa0\x80"), bad + bad + bad);            // a surrogate
  EXPECT_EQ(repair_utf8("\xf4\x90\x80\x80"), bad + bad + bad + bad);  // beyond U+10FFFF
  EXPECT_EQ(repair_utf8("\xe2\x82"), bad);                            // cut short
  EXPECT_EQ(repair_utf8("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
}

TEST(Utf8, SurrogatesAreNoCharacters) {
  EXPECT_TRUE(is_scalar_value(0xd7ff));
  EXPECT_FALSE(is_scalar_value(0xd800));
  EXPECT_FALSE(is_scalar_value(0xdfff));
  EXPECT_FALSE(is_scalar_value(0x110000));
}

}  // namespace
}  // namespace scalselect
