// What the trainers' writers share: rows in a trainer's spelling, and whether a trainer can read the subset itself.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "experiments/handover/trainer.h"

namespace scalselect::handover {

/// `path` below the pool's image folder if it is there (the trainers put the folder before it), else absolute.
std::string picture_path(const std::string& path, const Job& job);

/// {"id", "row", "messages": [{"role", "content"}, ...], "images": [...]}: what LLaMA-Factory and ms-swift read.
nlohmann::ordered_json messages_of(const Row& row, const Sample& sample, const Job& job);

/// Writes one JSON value a row: lines, or an array.
void write_rows(const Plan& plan, const std::filesystem::path& file, bool array,
                nlohmann::ordered_json (*spell)(const Row&, const Sample&, const Job&));

/// The names under which the subset's own rows hold what a trainer reads.
struct Columns {
  std::string list, role, text;  ///< "conversations", "from", "value"
  std::string user, assistant;   ///< "human", "gpt"
  std::string images;            ///< "image"; empty: no row has a picture
  std::string system;            ///< column of a system prompt; empty: no row has one
};

/// Whether the subset can be read as it stands by a reader that wants the same names and types in every row, as HF
/// `datasets` does: each row is the pool's, unchanged, and none is left out.
struct AsItStands {
  Columns columns;
  std::string why_not;  ///< "row 7 says 'user' where others say 'human'"; empty: it can
};
AsItStands as_it_stands(const Job& job, const Spelled& rows);

/// The pool's numbers of the rows.
std::vector<std::int64_t> numbers_of(const Spelled& rows);

/// The trainer's name of a schedule of the learning rate.
std::string schedule_name(trainer::Schedule schedule);

/// A number as YAML 1.1 and the shell read it: with a point before an exponent.
std::string number(double value);

/// The model to type into a command: the folder, or a placeholder.
std::string model_name(const Job& job, const std::string& placeholder);

/// An absolute path, since a trainer is started in another folder; of an empty one the working folder.
std::string whole_path(const std::filesystem::path& path);

/// A first line of a YAML file that says which command reads it; nothing where a line break in the command would end
/// the comment.
std::string command_comment(const std::string& command);

}  // namespace scalselect::handover
