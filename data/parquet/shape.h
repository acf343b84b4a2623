// The type of a column, found from the JSON values that are to stand in it.
#pragma once

#include <arrow/array/builder_base.h>
#include <arrow/type.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace scalselect::pq {

using Json = nlohmann::ordered_json;

/// Grows with every value: null fits all, integers fit floats, lists and objects fit member by member. What does not
/// fit together becomes text: strings as they are, other values as their JSON.
class Shape {
 public:
  static constexpr std::size_t kMembers = 200;
  static constexpr int kDeepest = 24;

  /// An object with more names than `members` is a dictionary, not a record, and becomes text; so do lists and objects
  /// inside of more than kDeepest others, whose columns no reader would open.
  explicit Shape(std::size_t members = kMembers, int depth = 0) : limit_(members), depth_(depth) {}

  void add(const Json& value);

  std::shared_ptr<arrow::DataType> type() const;
  /// What `datasets` calls the type, as the metadata of its files spell it.
  Json feature() const;
  /// Appends a value that was added before to a builder of type().
  void append(const Json& value, arrow::ArrayBuilder& builder) const;
  /// Adds the names of the parts that became text though they are not, below `name`.
  void list_mixed(const std::string& name, std::vector<std::string>& names) const;

 private:
  enum class Kind { kNull, kBoolean, kInteger, kFloat, kText, kList, kStruct, kMixed };
  Kind kind_of(const Json& value) const;
  void add_member(const std::string& name, const Json& value);

  std::size_t limit_;
  int depth_;  ///< lists and objects that this is inside of
  Kind kind_ = Kind::kNull;
  std::vector<std::pair<std::string, Shape>> members_;  ///< of a struct
  std::vector<Shape> item_;                             ///< of a list: one
};

}  // namespace scalselect::pq
