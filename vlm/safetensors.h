// The safetensors container: 8 bytes of header length, a JSON header, raw little-endian tensors (format description of
// huggingface/safetensors). Files are mapped, not read: a tensor's pages are loaded only when touched.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vlm/libtorch.h"

namespace scalselect::vlm {

/// One mapped file. Tensors keep the mapping alive. Of the format's dtypes, these can be read: F64 F32 F16
/// BF16 I64 I32 I16 I8 U8 BOOL; a tensor of another one (such as float8) is an error only when it is asked for.
class SafetensorsFile {
 public:
  /// Throws UserError(kInput), naming the file: missing, truncated, wrong header length, header that is not JSON,
  /// unknown dtype, offsets that overlap, leave holes, or disagree with the shape, duplicate names.
  explicit SafetensorsFile(const std::filesystem::path& file);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) noexcept;

  bool has(const std::string& name) const;
  /// A CPU tensor over the mapping (a private, read-only mapping: **never write to it**; clone or convert first). An
  /// unaligned tensor is copied instead. Throws UserError(kInput) if there is no such name (with the nearest one),
  /// or for a dtype that is not read.
  torch::Tensor tensor(const std::string& name) const;
  /// Releases the memory of a tensor's pages; tensors over them stay valid and read the file again.
  void release(const std::string& name) const;
  /// Shape without touching the data.
  std::vector<std::int64_t> shape(const std::string& name) const;
  std::vector<std::string> names() const;  ///< sorted
  const std::map<std::string, std::string>& metadata() const;
  const std::filesystem::path& path() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

/// The weights of an HF model folder: model.safetensors, else model.safetensors.index.json with its shards (the order
/// of transformers). A path to one .safetensors file is accepted too. A tensor is read from whichever shard holds it,
/// and told if the index says another; one that no shard holds is an error only when it is asked for.
class SafetensorsFolder {
 public:
  /// Throws UserError(kInput): no weights there, an index whose shards are all missing, or whatever SafetensorsFile
  /// refuses.
  explicit SafetensorsFolder(const std::filesystem::path& folder);

  bool has(const std::string& name) const;
  /// As in SafetensorsFile; throws also for a name that only the index has, and says so.
  torch::Tensor tensor(const std::string& name) const;
  void release(const std::string& name) const;
  std::vector<std::int64_t> shape(const std::string& name) const;
  std::vector<std::string> names() const;            ///< sorted
  std::vector<std::filesystem::path> files() const;  ///< the files that hold the weights, for hashing
  const std::filesystem::path& path() const { return path_; }

 private:
  const SafetensorsFile& shard_of(const std::string& name) const;
  std::filesystem::path path_;
  std::map<std::string, SafetensorsFile> shards_;  ///< by file name; those that exist
  std::map<std::string, std::string> where_;       ///< tensor -> file name
};

/// Writes tensors atomically, laid out as HF's writer does (widest dtype first, then by name; header padded to 8
/// bytes). Tensors are moved to the CPU and made contiguous; names that share storage are each
/// written in full. `metadata` should hold {"format", "pt"} for HF's loaders. Throws UserError(kEnvironment) if the
/// file cannot be written; asserts on duplicate names.
void write_safetensors(const std::filesystem::path& file,
                       const std::vector<std::pair<std::string, torch::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

}  // namespace scalselect::vlm
