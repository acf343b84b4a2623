#include "data/parquet/plugin.h"

#include <arrow/config.h>

#include "data/parquet/file.h"
#include "data/parquet/pictures.h"
#include "data/parquet/rows.h"
#include "data/parquet/subset.h"
#include "data/parquet/writer.h"

namespace scalselect {
namespace {

class ParquetContainer final : public Container {
 public:
  explicit ParquetContainer(const std::filesystem::path& file) : file_(file) {}
  const std::filesystem::path& file() const override { return file_.file(); }
  std::unique_ptr<RowCursor> rows(std::int64_t first) const override {
    return std::make_unique<pq::ParquetRows>(file_, first);
  }
  void write_subset(std::span<const std::int64_t> rows, const std::filesystem::path& out) const override {
    pq::write_subset(file_, rows, out);
  }

 private:
  pq::ParquetFile file_;
};

class ArrowPlugin final : public ParquetPlugin {
 public:
  std::string version() const override { return arrow::GetBuildInfo().version_string; }
  std::unique_ptr<Container> open(const std::filesystem::path& file) const override {
    return std::make_unique<ParquetContainer>(file);
  }
  std::string read_picture(std::int64_t row, int column, std::int64_t index,
                           const std::filesystem::path& file) const override {
    return pq::read_picture(row, column, index, file);
  }
  std::vector<std::string> write(const std::filesystem::path& out, const ParquetRowSource& each_row,
                                 const PictureReader& read_picture) const override {
    return pq::write_rows(out, each_row, read_picture);
  }
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const ParquetPlugin& scalselect_parquet_plugin() {
  static const ArrowPlugin plugin;
  return plugin;
}

}  // namespace scalselect
