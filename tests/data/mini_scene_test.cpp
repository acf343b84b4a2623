#include <gtest/gtest.h>

#include <set>

#include "data/mini/labels.h"
#include "data/mini/lexicon.h"
#include "data/mini/render.h"
#include "data/mini/scene.h"

namespace scalselect::mini {
namespace {

std::vector<Scene> draw(int count, Split split, std::uint64_t seed = 5) {
  Rng rng(seed, "test");
  std::vector<Scene> scenes;
  for (int i = 0; i < count; ++i) scenes.push_back(sample_scene(rng, static_cast<SceneType>(i % kSceneTypes), split));
  return scenes;
}

TEST(MiniScene, SplitsShareNeitherTemplatesNorWords) {
  std::set<std::string> keys[3], words[3];
  for (int split = 0; split < 3; ++split) {
    for (const Scene& scene : draw(3000, static_cast<Split>(split))) {
      keys[split].insert(template_key(scene));
      EXPECT_EQ(split_of(template_key(scene)), static_cast<Split>(split));
      if (!scene.word) continue;
      words[split].insert(scene.word->text);
      EXPECT_EQ(split_of(scene.word->text), static_cast<Split>(split));
    }
    EXPECT_GT(keys[split].size(), 2300u);  // templates rarely repeat
  }
  for (int a = 0; a < 3; ++a) {
    for (int b = a + 1; b < 3; ++b) {
      for (const auto& key : keys[a]) EXPECT_FALSE(keys[b].count(key)) << key;
      for (const auto& word : words[a]) EXPECT_FALSE(words[b].count(word)) << word;
    }
  }
}

TEST(MiniScene, TemplatesLeaveColorsSizesAndBackgroundOut) {
  Scene scene = draw(1, Split::kTraining).front();
  const std::string key = template_key(scene);
  scene.background = (scene.background + 1) % 6;
  for (Item& item : scene.items) {
    item.color = Color::kCyan;
    item.size = Size::kSmall;
  }
  EXPECT_EQ(template_key(scene), key);
  scene.items[0].shape = scene.items[0].shape == Shape::kHeart ? Shape::kRing : Shape::kHeart;
  EXPECT_NE(template_key(scene), key);
}

TEST(MiniScene, NothingOverlapsOrLeavesTheGrid) {
  for (const Scene& scene : draw(3500, Split::kTraining)) {
    std::set<int> taken;
    const auto take = [&](int row, int col) {
      ASSERT_TRUE(row >= 0 && row < kGrid && col >= 0 && col < kGrid) << template_key(scene);
      EXPECT_TRUE(taken.insert(row * kGrid + col).second) << template_key(scene);
    };
    for (const Item& item : scene.items) {
      const int side = item.size == Size::kLarge ? 2 : 1;
      for (int row = 0; row < side; ++row) {
        for (int col = 0; col < side; ++col) take(item.row + row, item.col + col);
      }
      if (item.shape && item.letter) take(item.row, item.col + 2);
    }
    for (const Arrow& arrow : scene.arrows) {
      const Item &from = scene.items[arrow.from], &to = scene.items[arrow.to];
      EXPECT_EQ(std::abs(from.row - to.row) + std::abs(from.col - to.col), 2);
      take((from.row + to.row) / 2, (from.col + to.col) / 2);
    }
    for (const Column& column : scene.columns) {
      const int height = column.shape ? column.value : (4 * column.value + 7) / 8;
      for (int up = 0; up <= height; ++up) take(5 - up, column.col);
    }
    if (scene.word) {
      for (std::size_t i = 0; i < scene.word->text.size(); ++i)
        take(scene.word->row, scene.word->col + static_cast<int>(i));
    }
  }
}

/// Patches that differ from the paper in a picture without noise.
std::set<int> inked(const Image& image, int background) {
  Scene blank;
  blank.background = background;
  const Image paper = render_clean(blank);
  std::set<int> patches;
  for (int y = 0; y < kImageSize; ++y) {
    for (int x = 0; x < kImageSize; ++x) {
      const std::size_t at = static_cast<std::size_t>(y * kImageSize + x) * 3;
      if (!std::equal(&image.rgb[at], &image.rgb[at] + 3, &paper.rgb[at])) {
        patches.insert(y / kPatchSize * kGrid + x / kPatchSize);
      }
    }
  }
  return patches;
}

TEST(MiniRender, InkStaysInThePatchesThatTheLabelsName) {
  const auto& tasks = label_tasks();
  for (const Scene& scene : draw(700, Split::kTraining)) {
    const auto labels = patch_labels(scene);
    ASSERT_EQ(labels.size(), tasks.size());
    std::set<int> labelled;
    for (std::size_t task = 0; task < tasks.size(); ++task) {
      for (int patch = 0; patch < kPatches; ++patch) {
        ASSERT_LT(labels[task][patch], tasks[task].classes) << tasks[task].name;
        const bool own = tasks[task].name == "glyph" || tasks[task].name == "shape" || tasks[task].name == "color" ||
                         tasks[task].name == "arrow";
        if (own && labels[task][patch]) labelled.insert(patch);
      }
    }
    EXPECT_EQ(inked(render_clean(scene), scene.background), labelled) << template_key(scene);
  }
}

TEST(MiniRender, JitterAndNoiseStayWithinThePatches) {
  const auto& tasks = label_tasks();
  for (const Scene& scene : draw(140, Split::kBenchmark)) {
    Rng noise(9, template_key(scene));
    const Image noisy = render(scene, noise);
    ASSERT_EQ(noisy.width, kImageSize);
    ASSERT_EQ(noisy.rgb.size(), static_cast<std::size_t>(kImageSize * kImageSize * 3));
    Scene blank;
    blank.background = scene.background;
    const Image paper = render_clean(blank);
    const auto labels = patch_labels(scene);
    for (int y = 0; y < kImageSize; ++y) {
      for (int x = 0; x < kImageSize; ++x) {
        const int patch = y / kPatchSize * kGrid + x / kPatchSize;
        bool empty = true;
        for (std::size_t task = 0; task < tasks.size(); ++task) {
          if (tasks[task].name == "glyph" || tasks[task].name == "color" || tasks[task].name == "arrow") {
            empty = empty && labels[task][patch] == 0;
          }
        }
        if (!empty) continue;
        for (int c = 0; c < 3; ++c) {
          const int at = (y * kImageSize + x) * 3 + c;
          EXPECT_LE(std::abs(noisy.rgb[at] - paper.rgb[at]), 36);  // six sigma
        }
      }
    }
  }
}

TEST(MiniRender, EqualStreamsGiveEqualPictures) {
  const Scene scene = draw(3, Split::kTraining).back();
  Rng first(1, "a"), second(1, "a"), other(1, "b");
  const Image image = render(scene, first);
  EXPECT_EQ(image, render(scene, second));
  EXPECT_NE(image, render(scene, other));
}

TEST(MiniLexicon, IsClosedAndHasNoRepetitions) {
  const std::set<std::string> unique(lexicon().begin(), lexicon().end());
  EXPECT_EQ(unique.size(), lexicon().size());
  EXPECT_GE(lexicon().size(), 250u);
  EXPECT_LE(lexicon().size(), 350u);
  EXPECT_EQ(piece_id("<unk>"), 0);
  EXPECT_EQ(piece_id("<image>"), 4);
  EXPECT_EQ(to_pieces("<image>\nwhat color?"), (std::vector<std::string>{"<image>", "what", "color", "?"}));
  EXPECT_EQ(to_pieces("option's"), (std::vector<std::string>{"option", "'", "s"}));
  EXPECT_EQ(to_pieces("Zebra"), std::vector<std::string>{"<unk>"});
  for (const std::string& word : noise_words()) EXPECT_TRUE(piece_id(word)) << word;
}

TEST(MiniLexicon, WordsAreSpelled) {
  Rng rng(3, "words");
  for (int i = 0; i < 3000; ++i) {
    const std::string word = sample_word(rng, Split::kTraining, 3 + i % 3);
    EXPECT_EQ(to_pieces(word), spell(word));
  }
}

TEST(MiniLexicon, CoversTheHarnessesPrompts) {
  for (const char* text :
       {"A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
        "detailed, "
        "and polite answers to the user's questions. USER: <image>\n ASSISTANT:",
        "Answer the question using a single word or phrase.", "Please answer yes or no.",
        "Answer with the option's letter from the given choices directly.", "Hint: Question: Options:\nA. B. C. D.",
        "Please select the correct answer from the options above. \n", "Context: N/A", "Answer: Yes No"}) {
    for (const std::string& piece : to_pieces(text)) EXPECT_NE(piece, "<unk>") << text;
  }
}

}  // namespace
}  // namespace scalselect::mini
