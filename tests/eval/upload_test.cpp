// Upload files against those that LLaVA's scripts write: golden/make_uploads.py.
#include "eval/upload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "eval/json_files.h"
#include "eval/registry.h"
#include "fixtures.h"

namespace scalselect::eval {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Benchmark> benchmark_of(const std::string& kind, const std::string& file) {
  BenchmarkOptions options;
  options.kind = kind;
  options.path = testing::golden("uploads/" + file);
  return make_benchmark(options);
}

std::vector<Prediction> answers(const std::string& kind, bool with_images = false) {
  std::vector<Prediction> predictions;
  for_each_json_line(testing::golden("uploads/" + kind + "_answers.jsonl"),
                     [&](const nlohmann::json& row, const std::string& where) {
                       Prediction prediction;
                       prediction.question.id = json_string(row, "question_id", where);
                       if (with_images) prediction.question.image_names = {prediction.question.id};
                       prediction.response = json_string(row, "text", where);
                       predictions.push_back(prediction);
                     });
  return predictions;
}

TEST(Upload, VqaV2AsLlavaWritesIt) {
  const auto bench = benchmark_of("vqav2", "llava_vqav2_mscoco_test-dev2015.jsonl");
  EXPECT_EQ(upload_text(*bench, answers("vqav2")), read_file(testing::golden("uploads/vqav2_upload.json")));
}

TEST(Upload, VizWizAsLlavaWritesIt) {
  const auto bench = benchmark_of("vizwiz", "llava_test.jsonl");
  EXPECT_EQ(upload_text(*bench, answers("vizwiz", true)), read_file(testing::golden("uploads/vizwiz_upload.json")));
}

TEST(Upload, MmBenchHasTheColumnsThatLlavaKeeps) {
  const auto bench = benchmark_of("mmbench", "mmbench.tsv");
  EXPECT_EQ(upload_text(*bench, answers("mmbench")), read_file(testing::golden("uploads/mmbench_upload.tsv")));
}

TEST(Upload, DocVqaNumbersItsQuestions) {
  Prediction prediction;
  prediction.question.id = "49153";
  prediction.response = " 0.28\n";
  EXPECT_EQ(upload_text(*benchmark_of("docvqa", "x"), std::vector<Prediction>{prediction}),
            R"([{"questionId": 49153, "answer": "0.28"}])");
}

TEST(Upload, RefusesWhatAServerWouldNotTake) {
  const auto vqa = benchmark_of("vqav2", "llava_vqav2_mscoco_test-dev2015.jsonl");
  auto predictions = answers("vqav2");
  predictions[1].question.id = "7";
  EXPECT_THAT(message_of([&] { upload_text(*vqa, predictions); }),
              HasSubstr("1 answered questions are not in it, for example '7'"));
  predictions[1].question.id = predictions[0].question.id;
  EXPECT_THAT(message_of([&] { upload_text(*vqa, predictions); }), HasSubstr("has two answers"));
  auto few = answers("mmbench");
  few.pop_back();
  EXPECT_THAT(message_of([&] { upload_text(*benchmark_of("mmbench", "mmbench.tsv"), few); }),
              HasSubstr("question '1000002' has no answer"));
  const testing::TempFolder folder;
  EXPECT_THAT(message_of([&] {
                BenchmarkOptions options;
                options.kind = "vqav2";
                options.path = folder.text();
                upload_text(*make_benchmark(options), {});
              }),
              HasSubstr("neither llava_vqav2_mscoco_test2015.jsonl nor"));
  for (const char* kind : {"vqav2", "mmbench"}) {
    BenchmarkOptions options;
    options.kind = kind;
    EXPECT_THAT(message_of([&] { upload_text(*make_benchmark(options), answers(kind)); }), HasSubstr("Give path=FILE"));
  }
  EXPECT_THAT(message_of([&] { upload_extension("pope"); }), HasSubstr("no server that takes answers"));
}

}  // namespace
}  // namespace scalselect::eval
