// Trainers of other people that a subset can be handed to: what they read, and what they make of a row.
//
// A trainer is a file of its own and a line in registry.cpp. It says which of its templates belongs to a model, how a
// row must be spelled for it, which token ids and targets its preprocessing gives, which rows it cuts, deletes or stops
// at, and what its files are. All of it is read from the trainers' code and held against their own output
// (tests/handover/golden).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/sample.h"
#include "data/pool.h"
#include "trainer/options.h"

namespace scalselect::handover {

/// One of a trainer's templates.
struct Template {
  std::string architecture;  ///< model_type of config.json
  std::string name;          ///< in the trainer
  std::string model_type;    ///< the trainer's own name of the architecture, where it wants one
  std::string default_system;
  std::string image_token;                ///< what a picture's visual tokens are in the text
  std::string image_before, image_after;  ///< around them
  /// Between a picture's tag and the text after it, so that the trainer renders what our own training does.
  std::string after_tag;
  std::int64_t factor = 0;  ///< PictureRule::factor of the published models; 0: pictures have one size
};

/// Settings of a trainer on which ids and targets depend.
struct Settings {
  std::optional<std::string> system;  ///< for rows without a system message; unset: the template's
  std::int64_t max_length = 2048;     ///< tokens of a sample, visual ones included
};

/// A row as the trainer reads it.
struct Row {
  std::vector<Turn> turns;
  std::int64_t images = 0;
  bool rewritten = false;  ///< tags are not where the pool has them
};

/// The model's tokenizer, as trainers use it.
class TextTokenizer {
 public:
  virtual ~TextTokenizer() = default;
  /// `frame`: with the tokens that the tokenizer adds by itself (BOS).
  virtual std::vector<std::int64_t> encode(std::string_view text, bool frame) const = 0;
  virtual std::optional<std::int64_t> id(std::string_view token) const = 0;
  virtual std::optional<std::int64_t> bos() const = 0;
  virtual std::optional<std::int64_t> eos() const = 0;
  virtual std::optional<std::int64_t> unk() const = 0;
  virtual bool legacy() const = 0;  ///< transformers' attribute of Llama's tokenizers
};

/// Token ids with targets, as they reach the model.
struct Rendering {
  std::vector<std::int64_t> ids;
  std::vector<std::uint8_t> targets;  ///< one per token: 1 = has a loss
  std::string left_out;               ///< why the trainer has no such sample: it deletes the row or stops there
  std::int64_t whole = 0;             ///< tokens before anything was cut
  std::string masked;                 ///< why no token of a sample with answers is a target
};

/// Width and height of a picture, and of it as the model sees it.
struct Extent {
  std::int64_t width = 0, height = 0;
};

/// Area of a picture as the model sees it, in pixels.
struct Area {
  std::int64_t least = 0, most = 0;
};

/// Pictures of a model that keep their own sizes.
struct PictureRule {
  std::int64_t factor = 1;  ///< sides become multiples of it; one visual token is factor x factor pixels
  Area folder, ours;        ///< bounds of the model folder, and those of our own training
  std::function<Extent(const Extent&, std::int64_t factor, const Area&)> resize;  ///< Qwen's smart_resize
};

/// Vicuna's, which LLaVA-1.5 was trained with.
inline constexpr char kVicunaSystem[] =
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the user's questions.";

/// What a handover is made of.
struct Job {
  const Pool* pool = nullptr;
  std::vector<std::int64_t> rows;    ///< of the pool, ascending
  std::filesystem::path subset;      ///< the file that has been written
  std::filesystem::path image_root;  ///< of the pool
  std::optional<std::filesystem::path> model;
  bool tags_as_ours = false;     ///< see spelled_row
  std::optional<Area> area;      ///< of pictures in our own training; unset: the model folder's
  trainer::TrainOptions recipe;  ///< LoRA and schedule
};

/// A row that the trainer would delete or stop at, or whose pictures are missing.
struct LeftOut {
  std::int64_t row = 0;
  std::string reason;
};

/// The rows of a handover, spelled for a trainer.
struct Spelled {
  std::vector<std::pair<std::int64_t, Row>> rows;  ///< row of the pool
  std::vector<LeftOut> left_out;
  std::int64_t rewritten = 0;
};

/// What was written.
struct Written {
  std::filesystem::path folder, data;
  std::int64_t rows = 0;
  std::string anew;     ///< why the rows were written anew; empty: `data` is the subset itself
  std::string command;  ///< starts the training
};

/// What a trainer writes its files from.
struct Plan {
  const Job& job;
  const Template& layout;
  bool known_model = true;  ///< false: `layout` is a guess
  const Spelled& rows;
  std::filesystem::path folder;
};

struct Trainer {
  std::string name;                 ///< as typed: "llamafactory"
  std::string title, version;       ///< "LLaMA-Factory", and the release that was compared
  std::string limit_key;            ///< its name of Settings::max_length
  std::string system_key;           ///< how its default system prompt is changed; empty: it cannot be
  std::vector<Template> templates;  ///< the first of an architecture counts
  bool pictures_whole = true;       ///< a cut inside a picture's tokens ends the training
  /// Why the trainer deletes such a row or stops at it; empty: it trains on it.
  std::string (*refuse)(const Row& row, const Template& layout);
  Rendering (*render)(const Row& row, const Template& layout, const Settings& settings, const TextTokenizer& tokenizer,
                      std::span<const std::int64_t> image_tokens);
  /// Visual tokens of a picture in models whose pictures keep their own sizes.
  std::int64_t (*image_tokens)(const Extent& picture, const PictureRule& rule);
  Written (*write)(const Plan& plan);
};

const std::vector<Trainer>& trainers();
/// Throws UserError(kUsage) for an unknown name, with the nearest one.
const Trainer& trainer_named(const std::string& name);
/// The template of `architecture`; the first one if that is not known, null if the trainer has none for it.
const Template* template_for(const Trainer& trainer, const std::string& architecture);

/// model_type of a model folder's config.json; empty if there is no such file. Throws UserError(kInput) for a file that
/// is not JSON.
std::string architecture_of(const std::filesystem::path& model);

/// A sample as the trainer should read it. With `as_ours`, and wherever tags and pictures disagree in number, the first
/// user message has one `<image>` per picture at its front, each followed by Template::after_tag, as in our own
/// training; else, and where later messages have tags that agree in number, the text is the pool's.
Row spelled_row(const Sample& sample, const Template& layout, bool as_ours);

/// The template of a job's model; the trainer's first one if the job has none. Throws UserError(kUsage) if the trainer
/// has no template for it.
const Template& layout_for(const Trainer& trainer, const Job& job);

/// All of a job's rows; what the trainer cannot take is listed.
Spelled spell(const Trainer& trainer, const Job& job);

/// Writes the trainer's files beside the subset, into a folder named after both (subset.json: subset.llamafactory), and
/// left_out.jsonl if rows were left out. Says on standard output what was written, what was left out and how training
/// starts. Throws UserError(kInput) if no row is left, and UserError as layout_for does.
void hand_over(const Trainer& trainer, const Job& job);

}  // namespace scalselect::handover
