#include "data/parquet/shape.h"

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_nested.h>
#include <arrow/array/builder_primitive.h>

#include <algorithm>
#include <limits>

#include "data/parquet/file.h"

namespace scalselect::pq {
namespace {

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <typename Builder>
Builder& as(arrow::ArrayBuilder& builder) {
  return static_cast<Builder&>(builder);
}

}  // namespace

Shape::Kind Shape::kind_of(const Json& value) const {
  if (depth_ > kDeepest && value.is_structured()) return Kind::kMixed;
  switch (value.type()) {
    case Json::value_t::null: return Kind::kNull;
    case Json::value_t::boolean: return Kind::kBoolean;
    case Json::value_t::number_integer: return Kind::kInteger;
    case Json::value_t::number_unsigned:
      return value.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max() ? Kind::kInteger : Kind::kMixed;
    case Json::value_t::number_float: return Kind::kFloat;
    case Json::value_t::array: return Kind::kList;
    case Json::value_t::object: return value.empty() || value.size() > limit_ ? Kind::kMixed : Kind::kStruct;
    default: return Kind::kText;
  }
}

void Shape::add(const Json& value) {
  const auto kind = kind_of(value);
  if (kind == Kind::kNull || kind_ == Kind::kMixed) return;
  const bool numbers =
      (kind == Kind::kInteger || kind == Kind::kFloat) && (kind_ == Kind::kInteger || kind_ == Kind::kFloat);
  if (kind_ == Kind::kNull) {
    kind_ = kind;
  } else if (numbers) {
    kind_ = std::max(kind, kind_);
  } else if (kind != kind_) {
    kind_ = Kind::kMixed;
  }
  if (kind_ == Kind::kList) {
    if (item_.empty()) item_.emplace_back(kMembers, depth_ + 1);
    for (const auto& item : value) item_.front().add(item);
  } else if (kind_ == Kind::kStruct) {
    for (const auto& [name, member] : value.items()) add_member(name, member);
    if (members_.size() > limit_) kind_ = Kind::kMixed;
  }
}

void Shape::add_member(const std::string& name, const Json& value) {
  auto found = std::find_if(members_.begin(), members_.end(), [&](const auto& member) { return member.first == name; });
  if (found == members_.end()) found = members_.insert(members_.end(), {name, Shape(kMembers, depth_ + 1)});
  found->second.add(value);
}

std::shared_ptr<arrow::DataType> Shape::type() const {
  switch (kind_) {
    case Kind::kNull: return arrow::null();
    case Kind::kBoolean: return arrow::boolean();
    case Kind::kInteger: return arrow::int64();
    case Kind::kFloat: return arrow::float64();
    case Kind::kList: return arrow::list(item_.front().type());
    case Kind::kStruct: {
      arrow::FieldVector fields;
      for (const auto& [name, shape] : members_) fields.push_back(arrow::field(name, shape.type()));
      return arrow::struct_(fields);
    }
    default: return arrow::utf8();
  }
}

Json Shape::feature() const {
  switch (kind_) {
    case Kind::kList: return Json::array({item_.front().feature()});
    case Kind::kStruct: {
      Json features = Json::object();
      for (const auto& [name, shape] : members_) features[name] = shape.feature();
      return features;
    }
    case Kind::kNull: return {{"dtype", "null"}, {"_type", "Value"}};
    case Kind::kBoolean: return {{"dtype", "bool"}, {"_type", "Value"}};
    case Kind::kInteger: return {{"dtype", "int64"}, {"_type", "Value"}};
    case Kind::kFloat: return {{"dtype", "float64"}, {"_type", "Value"}};
    default: return {{"dtype", "string"}, {"_type", "Value"}};
  }
}

void Shape::append(const Json& value, arrow::ArrayBuilder& builder) const {
  if (value.is_null()) return require(builder.AppendNull());
  switch (kind_) {
    case Kind::kNull: return require(builder.AppendNull());
    case Kind::kBoolean: return require(as<arrow::BooleanBuilder>(builder).Append(value.get<bool>()));
    case Kind::kInteger: return require(as<arrow::Int64Builder>(builder).Append(value.get<std::int64_t>()));
    case Kind::kFloat: return require(as<arrow::DoubleBuilder>(builder).Append(value.get<double>()));
    case Kind::kList: {
      auto& list = as<arrow::ListBuilder>(builder);
      require(list.Append());
      for (const auto& item : value) item_.front().append(item, *list.value_builder());
      return;
    }
    case Kind::kStruct: {
      auto& fields = as<arrow::StructBuilder>(builder);
      require(fields.Append());
      for (std::size_t i = 0; i < members_.size(); ++i) {
        const auto found = value.find(members_[i].first);
        members_[i].second.append(found == value.end() ? Json() : *found, *fields.field_builder(static_cast<int>(i)));
      }
      return;
    }
    default: return require(as<arrow::StringBuilder>(builder).Append(text_of(value)));
  }
}

void Shape::list_mixed(const std::string& name, std::vector<std::string>& names) const {
  if (kind_ == Kind::kMixed) names.push_back(name);
  if (kind_ == Kind::kList) item_.front().list_mixed(name + "[]", names);
  if (kind_ == Kind::kStruct) {
    for (const auto& [member, shape] : members_) shape.list_mixed(name.empty() ? member : name + "." + member, names);
  }
}

}  // namespace scalselect::pq
