#include "experiments/handover/files.h"

#include <fmt/format.h>

#include <map>

#include "core/files.h"
#include "data/pool_row.h"
#include "experiments/handover/text.h"

namespace scalselect::handover {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Types of JSON values by their place, as an Arrow table needs them: one type a place, null anywhere.
class Types {
 public:
  /// The place where `value` differs in type from what was there; empty: nowhere.
  std::string add(const json& value, const std::string& place = {}) {
    if (value.is_null()) return {};
    if (!types_.try_emplace(place, value.type_name() + std::string(value.is_number_float() ? "/float" : ""))
             .first->second.starts_with(value.type_name())) {
      return place;
    }
    if (value.is_object()) {
      for (const auto& [key, child] : value.items()) {
        if (auto found = add(child, place + "." + key); !found.empty()) return found;
      }
    } else if (value.is_array()) {
      for (const auto& child : value) {
        if (auto found = add(child, place + "[]"); !found.empty()) return found;
      }
    } else if (value.is_number() && value.is_number_float() != types_[place].ends_with("/float")) {
      return place;
    }
    return {};
  }

 private:
  std::map<std::string, std::string> types_;
};

/// Takes `value` for `name` if that is still free; whether they agree.
bool agree(std::string& name, const std::string& value) {
  if (name.empty()) name = value;
  return name == value;
}

bool is_absent(const json& row, const std::string& key) {
  const auto found = row.find(key);
  return found == row.end() || found->is_null();
}

/// Reads one row of the subset under one set of names.
class ColumnsReader {
 public:
  /// Why `row` cannot be read under the names of the rows before it; empty: it says what `spelled` says.
  std::string add(const json& row, const Row& spelled) {
    if (!row.is_object()) return "is not an object";
    const bool llava = !is_absent(row, "conversations");
    if (!agree(columns.list, llava ? "conversations" : "messages")) {
      return fmt::format("has no '{}', which others have", columns.list);
    }
    columns.role = llava ? "from" : "role";
    columns.text = llava ? "value" : "content";
    if (auto why = turns(row, spelled); !why.empty()) return why;
    if (auto why = pictures(row, spelled); !why.empty()) return why;
    const auto place = types_.add(row);
    return place.empty() ? "" : fmt::format("has another type of value at '{}' than rows before it", place.substr(1));
  }

  Columns columns;

 private:
  std::string turns(const json& row, const Row& spelled) {
    const auto& list = row[columns.list];
    const std::size_t apart = is_absent(row, "system") || row["system"] == "" ? 0 : 1;
    if (apart == 1) columns.system = "system";
    if (list.size() + apart != spelled.turns.size()) return "has its system prompt twice";
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto& turn = spelled.turns[i + apart];
      const auto role = list[i].value(columns.role, "");
      if (list[i].value(columns.text, json()) != turn.text) return "has text that is not Unicode";
      auto& name = turn.role == Role::kUser ? columns.user : columns.assistant;
      if (turn.role != Role::kSystem && !agree(name, role)) {
        return fmt::format("says '{}' where others say '{}'", role, name);
      }
    }
    return {};
  }

  std::string pictures(const json& row, const Row& spelled) {
    const bool one = !is_absent(row, "image"), many = !is_absent(row, "images");
    if (one && many) return "has 'image' and 'images'";
    if (!one && !many) return spelled.images == 0 ? "" : "has no pictures of its own";
    const auto key = one ? "image" : "images";
    const auto& value = row[key];
    if (static_cast<std::int64_t>(value.is_array() ? value.size() : 1) != spelled.images) {
      return fmt::format("has an empty path in '{}'", key);
    }
    return agree(columns.images, key) ? "" : fmt::format("has '{}' where others have '{}'", key, columns.images);
  }

  Types types_;
};

}  // namespace

std::string whole_path(const fs::path& path) {
  std::error_code unknown;
  // The folder of a file that is named without one is "", and an absolute "" stays empty.
  const auto whole = fs::weakly_canonical(fs::absolute(path.empty() ? "." : path, unknown), unknown);
  return whole.empty() ? path.string() : whole.string();
}

std::string command_comment(const std::string& command) {
  return command.find_first_of("\r\n") == std::string::npos ? "# " + command + "\n" : std::string();
}

std::string picture_path(const std::string& path, const Job& job) {
  const auto root = (job.image_root / "").lexically_normal().string();
  if (root.size() > 1 && path.starts_with(root)) return path.substr(root.size());
  if (job.image_root.empty() && fs::path(path).is_relative()) return path;
  return whole_path(path);
}

nlohmann::ordered_json messages_of(const Row& row, const Sample& sample, const Job& job) {
  nlohmann::ordered_json out = {{"id", sample.id}, {"row", sample.row}};
  auto& messages = out["messages"] = nlohmann::ordered_json::array();
  for (const auto& turn : row.turns) messages.push_back({{"role", role_name(turn.role)}, {"content", turn.text}});
  auto& images = out["images"] = nlohmann::ordered_json::array();
  for (const auto& image : sample.images) images.push_back(picture_path(image, job));
  return out;
}

std::vector<std::int64_t> numbers_of(const Spelled& rows) {
  std::vector<std::int64_t> numbers;
  for (const auto& [number, row] : rows.rows) numbers.push_back(number);
  return numbers;
}

void write_rows(const Plan& plan, const fs::path& file, bool array,
                nlohmann::ordered_json (*spell)(const Row&, const Sample&, const Job&)) {
  FileWriter out(file);
  std::string separator = array ? "[\n" : "";
  std::size_t next = 0;
  plan.job.pool->for_each_of(numbers_of(plan.rows), [&](const Sample& sample) {
    const auto line = spell(plan.rows.rows[next++].second, sample, plan.job);
    out.write(separator + line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    separator = array ? ",\n" : "\n";
  });
  out.write(array ? "\n]\n" : "\n");
  out.commit();
}

AsItStands as_it_stands(const Job& job, const Spelled& rows) {
  const auto extension = job.subset.extension();
  if (extension != ".json" && extension != ".jsonl") return {{}, "its name ends neither in .json nor in .jsonl"};
  if (!rows.left_out.empty()) return {{}, "not all of its rows can be used"};
  if (rows.rewritten > 0) return {{}, "tags had to be put in other places"};
  ColumnsReader reader;
  std::size_t next = 0;
  std::string refused;
  job.pool->for_each_raw(numbers_of(rows), [&](const Sample& sample, const RawRow& raw) {
    const auto& row = rows.rows[next++].second;
    if (!refused.empty()) return;
    const auto tree = json::parse(raw.json, nullptr, false);
    const auto why = tree.is_discarded() ? std::string("is not standard JSON") : reader.add(tree, row);
    if (!why.empty()) refused = fmt::format("row {} of the pool {}", sample.row, why);
  });
  if (!refused.empty()) return {{}, refused};
  return {reader.columns, {}};
}

std::string schedule_name(trainer::Schedule schedule) {
  switch (schedule) {
    case trainer::Schedule::kCosine: return "cosine";
    case trainer::Schedule::kLinear: return "linear";
    case trainer::Schedule::kConstant: break;
  }
  return "constant_with_warmup";
}

std::string number(double value) {
  auto text = fmt::format("{}", value);
  const auto exponent = text.find('e');
  if (exponent != std::string::npos && text.find('.') == std::string::npos) text.insert(exponent, ".0");
  return text;
}

std::string model_name(const Job& job, const std::string& placeholder) {
  if (!job.model) return placeholder;
  std::error_code unreadable;
  return fs::exists(*job.model, unreadable) ? whole_path(*job.model) : job.model->string();  // a name on the hub
}

}  // namespace scalselect::handover
