#include "core/base64.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <utility>

namespace scalselect {
namespace {

// RFC 4648, section 10.
TEST(Base64, TheVectorsOfTheStandard) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(encode_base64(bytes), text);
    EXPECT_EQ(decode_base64(text), bytes);
  }
  EXPECT_EQ(encode_base64(std::string("\xff\0\xfb", 3)), "/wD7");
}

TEST(Base64, ReadsWithoutPaddingAndAcrossLines) {
  EXPECT_EQ(decode_base64("Zm9v\r\nYg"), "foob");
  EXPECT_THROW(decode_base64("YW*="), std::invalid_argument);
  EXPECT_THROW(decode_base64("Y"), std::invalid_argument);
  EXPECT_THROW(decode_base64("YQ==YQ"), std::invalid_argument);
}

}  // namespace
}  // namespace scalselect
