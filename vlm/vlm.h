// The interface of all vision-language models here: a tower encodes images, a projector makes visual tokens of them, a
// decoder reads them among the text. Probe, generation and training use any model through this.
//
//   visual = project(encode(images)); input = assemble(ids, visual); states = decode(input.embeddings,
//   input.options()); logits(states at the positions that matter)
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vlm/libtorch.h"
#include "vlm/linear.h"
#include "vlm/llama.h"

namespace scalselect::vlm {

/// Which parts of a model are built and loaded.
struct ModelParts {
  bool tower = true;
  std::int64_t tower_layers = -1;    ///< LLaVA: tower blocks; -1 = all. Qwen-VL needs and builds all
  std::int64_t decoder_layers = -1;  ///< -1 = all, with final norm
  bool head = true;                  ///< lm_head
};

/// Visual tokens of one image, in raster order.
struct VisualGrid {
  std::int64_t rows = 0, columns = 0;
  std::int64_t tokens() const { return rows * columns; }
};

/// The tower's output for images, in their order.
struct TowerOutput {
  torch::Tensor features;           ///< [..., F]: the projector's input; rows of an image are contiguous
  std::vector<torch::Tensor> deep;  ///< DeepStack features [V, d], one for each of the first decoder layers
  std::vector<VisualGrid> grids;    ///< one per image
};

/// Images as the decoder's input.
struct VisualTokens {
  torch::Tensor rows;               ///< [..., d]; V in all
  std::vector<torch::Tensor> deep;  ///< as in TowerOutput
  std::vector<VisualGrid> grids;
};

/// Bytes of rows and of DeepStack features, for caches.
std::int64_t bytes_of(const torch::Tensor& rows, const std::vector<torch::Tensor>& deep);

/// Concatenated; undefined entries (prompts without images) are skipped.
VisualTokens concatenate(const std::vector<VisualTokens>& parts);
TowerOutput concatenate(const std::vector<TowerOutput>& parts);

TowerOutput to_device(const TowerOutput& seen, torch::Device device);

/// A batch of sequences ready for the decoder.
struct DecoderInput {
  torch::Tensor embeddings;  ///< [B, S, d]
  torch::Tensor positions;   ///< as DecodeOptions::positions, always defined
  DeepStack deep;
};

class VlmImpl : public torch::nn::Module {
 public:
  ~VlmImpl() override = default;

  // -- Defined by each architecture.
  /// Visual tokens of an image whose processed pixels are `height` x `width`.
  virtual VisualGrid grid(std::int64_t height, std::int64_t width) const = 0;
  /// images: processed pixels, float [3, height, width] each (any device); at least one.
  virtual TowerOutput encode(const std::vector<torch::Tensor>& images) = 0;
  /// features [..., F] -> visual tokens [..., d]. Differentiable.
  virtual torch::Tensor project(const torch::Tensor& features) = 0;
  virtual std::int64_t feature_size() const = 0;      ///< F
  virtual std::int64_t values_per_token() const = 0;  ///< numbers in encode's output per visual token
  virtual std::string chat_layout() const = 0;        ///< name for vlm::chat_layout
  virtual std::string projector_module() const = 0;   ///< its name, for modules_to_save
  virtual std::string frozen_pattern() const = 0;     ///< modules that are never LoRA targets (regular expression)
  /// Whether `module` belongs to the architecture but is not built, since nothing reads its output.
  virtual bool is_dead(const std::string& /*module*/) const { return false; }

  // -- The decoder.
  /// ids int64 [B, S] -> [B, S, d].
  torch::Tensor embed(const torch::Tensor& ids);
  /// Overwrites the rows where ids == image_token_id by `visual` [..., d], in order (row-major over batch and
  /// position). Throws UserError(kInput) if the counts differ. Differentiable in both. With ids on the CPU nothing
  /// waits for a GPU.
  torch::Tensor merge(const torch::Tensor& embeddings, const torch::Tensor& ids, const torch::Tensor& visual);
  /// Throws UserError(kInput) unless a prompt's `count` image tokens are as many as the rows of `visual` [..., d].
  void check_image_tokens(std::int64_t count, const torch::Tensor& visual) const;
  VisualTokens project(const TowerOutput& seen);
  /// ids int64 [B, S], on the CPU or the model's device; `visual` of all images of the batch in order. `keep` int64
  /// [B, S]: 1 = real token, 0 = padding; undefined = no padding on the left.
  DecoderInput assemble(const torch::Tensor& ids, const VisualTokens& visual, const torch::Tensor& keep = {});
  /// See LlamaModelImpl::forward.
  torch::Tensor decode(const torch::Tensor& embeddings, const DecodeOptions& options = {});
  /// states [..., d] (after the final norm) -> [..., vocab]. Give only the positions whose logits are needed.
  torch::Tensor logits(const torch::Tensor& states);
  /// Attention probabilities of `layer` (1-based) for the rows `queries` (int64 [U]) of one sequence batch.
  /// states [B, S, d] before that layer (raw), causal. `positions`: as DecodeOptions::positions; undefined = 0 .. S-1.
  /// -> float32 [B, heads, U, S].
  torch::Tensor attention_rows(std::int64_t layer, const torch::Tensor& states, const torch::Tensor& queries,
                               torch::Tensor positions = {});

  LlamaModel& decoder() { return decoder_; }
  Linear& lm_head() { return lm_head_; }  ///< null if tied or not built
  const LlamaConfig& text() const { return text_; }
  std::int64_t image_token_id() const { return image_token_id_; }
  const ModelParts& parts() const { return parts_; }
  torch::ScalarType dtype() const { return decoder_->embed_tokens->weight.scalar_type(); }
  torch::Device device() const { return decoder_->embed_tokens->weight.device(); }

 protected:
  VlmImpl(const LlamaConfig& text, std::int64_t image_token_id, const ModelParts& parts);
  /// Registers the decoder as body.language_model and the head as lm_head, after whatever is registered already.
  void build_decoder(torch::nn::Module& body);

 private:
  /// Where ids [..] == image_token_id, flat; on the model's device.
  torch::Tensor image_rows(const torch::Tensor& ids) const;

  LlamaConfig text_;
  std::int64_t image_token_id_;
  ModelParts parts_;
  LlamaModel decoder_{nullptr};
  Linear lm_head_{nullptr};
};

/// A model of any architecture; shares what it is made from.
class Vlm : public torch::nn::ModuleHolder<VlmImpl> {
 public:
  Vlm(std::nullptr_t) : torch::nn::ModuleHolder<VlmImpl>(nullptr) {}  // NOLINT
  template <std::derived_from<VlmImpl> Impl>
  Vlm(const torch::nn::ModuleHolder<Impl>& model)  // NOLINT: a LlavaModel is a Vlm
      : torch::nn::ModuleHolder<VlmImpl>(std::shared_ptr<VlmImpl>(model.ptr())) {}
};

/// M-RoPE positions int64 [3, B, S] (transformers: Qwen3VLModel.get_rope_index). Text advances all axes by one; the
/// tokens of an image share the time position, and count rows and columns from there; the next token follows the
/// largest position so far. ids and keep int64 [B, S] on the CPU (keep undefined = all kept); padding gets 1. Throws
/// UserError(kInput) if the image tokens do not match the grids.
torch::Tensor mrope_positions(const torch::Tensor& ids, const std::vector<VisualGrid>& grids,
                              std::int64_t image_token_id, const torch::Tensor& keep = {});

}  // namespace scalselect::vlm
