#include "data/picture_tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace scalselect {
namespace {

TEST(PictureTally, CountsPlainAndRepeatedPicturesOnceEach) {
  const Image black{4, 2, std::vector<std::uint8_t>(24, 0)}, tall{2, 4, std::vector<std::uint8_t>(24, 0)};
  Image mixed = black;
  mixed.rgb[23] = 1;
  PictureTally tally;
  tally.add("a.png", mixed);
  tally.add("a.png", mixed);  // another pass over the pool
  EXPECT_EQ(tally.summary(), "");
  tally.add("b.png", black);
  tally.add("c.png", tall);  // other pixels
  tally.add("b.png", black);
  EXPECT_EQ(tally.summary(), "among the pictures read there are 2 of one single colour (such as 'b.png')");
  for (const char* name : {"d.png", "e.png", "d.png"}) tally.add(name, mixed);
  EXPECT_EQ(tally.summary(),
            "among the pictures read there are 2 of one single colour (such as 'b.png'), 2 with the same pixels as "
            "another (such as 'd.png')");
}

}  // namespace
}  // namespace scalselect
