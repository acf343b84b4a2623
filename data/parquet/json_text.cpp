#include "data/parquet/json_text.h"

#include <arrow/extension_type.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <arrow/util/float16.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/base64.h"
#include "data/parquet/file.h"

namespace scalselect::pq {
namespace {

using arrow::Type;

template <typename T>
const T& as(const arrow::Array& array) {
  return static_cast<const T&>(array);
}

void append_number(double value, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value < 0 ? "-Infinity" : "Infinity";
  } else {
    const auto begin = out.size();
    fmt::format_to(std::back_inserter(out), "{}", value);
    if (out.find_first_of(".e", begin) == out.npos) out += ".0";
  }
}

template <typename ArrayType>
void append_integer(const arrow::Array& array, std::int64_t i, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{}", as<ArrayType>(array).Value(i));
}

std::string_view bytes_at(const arrow::Array& array, std::int64_t i) {
  switch (array.type_id()) {
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: return as<arrow::LargeBinaryArray>(array).GetView(i);
    case Type::STRING_VIEW:
    case Type::BINARY_VIEW: return as<arrow::BinaryViewArray>(array).GetView(i);
    case Type::FIXED_SIZE_BINARY: return as<arrow::FixedSizeBinaryArray>(array).GetView(i);
    default: return as<arrow::BinaryArray>(array).GetView(i);
  }
}

void append_list(const arrow::Array& array, std::int64_t i, std::string& out) {
  const auto& values = list_values(array);
  const auto [begin, end] = list_range(array, i);
  const bool map = array.type_id() == Type::MAP;
  out += '[';
  for (auto at = begin; at < end; ++at) {
    if (at > begin) out += ", ";
    if (map) {
      const auto& entry = as<arrow::StructArray>(values);
      out += '[';
      append_json(*entry.field(0), at, out);
      out += ", ";
      append_json(*entry.field(1), at, out);
      out += ']';
    } else {
      append_json(values, at, out);
    }
  }
  out += ']';
}

void append_struct(const arrow::StructArray& array, std::int64_t i, std::string& out) {
  out += '{';
  for (int child = 0; child < array.num_fields(); ++child) {
    if (child > 0) out += ", ";
    append_json_string(array.struct_type()->field(child)->name(), out);
    out += ": ";
    append_json(*array.field(child), i, out);
  }
  out += '}';
}

/// Dates, times, decimals and whatever else Arrow can write as text.
void append_as_text(const arrow::Array& array, std::int64_t i, std::string& out) {
  std::string text = require(array.GetScalar(i))->ToString();
  if (array.type_id() == Type::TIMESTAMP) {
    const bool zone = !static_cast<const arrow::TimestampType&>(*array.type()).timezone().empty();
    if (zone && !text.empty() && text.back() == 'Z') text.pop_back();
    std::replace(text.begin(), text.end(), ' ', 'T');
    if (zone) text += "+00:00";
  }
  append_json_string(text, out);
}

}  // namespace

void append_json_string(std::string_view text, std::string& out) {
  out += '"';
  for (std::size_t begin = 0; begin < text.size();) {
    const auto at = std::find_if(text.begin() + static_cast<std::ptrdiff_t>(begin), text.end(),
                                 [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
    const auto end = static_cast<std::size_t>(at - text.begin());
    out += text.substr(begin, end - begin);
    if (end == text.size()) break;
    switch (*at) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default: fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(*at));
    }
    begin = end + 1;
  }
  out += '"';
}

bool is_any_list(const arrow::Array& array) {
  switch (array.type_id()) {
    case Type::LIST:
    case Type::MAP:
    case Type::LARGE_LIST:
    case Type::FIXED_SIZE_LIST:
    case Type::LIST_VIEW:
    case Type::LARGE_LIST_VIEW: return true;
    default: return false;
  }
}

std::pair<std::int64_t, std::int64_t> list_range(const arrow::Array& list, std::int64_t i) {
  const auto range = [&](const auto& typed) {
    const std::int64_t begin = typed.value_offset(i);
    return std::pair(begin, begin + typed.value_length(i));
  };
  switch (list.type_id()) {
    case Type::LARGE_LIST: return range(as<arrow::LargeListArray>(list));
    case Type::FIXED_SIZE_LIST: return range(as<arrow::FixedSizeListArray>(list));
    case Type::LIST_VIEW: return range(as<arrow::ListViewArray>(list));
    case Type::LARGE_LIST_VIEW: return range(as<arrow::LargeListViewArray>(list));
    default: return range(as<arrow::ListArray>(list));
  }
}

const arrow::Array& list_values(const arrow::Array& list) {
  switch (list.type_id()) {
    case Type::LARGE_LIST: return *as<arrow::LargeListArray>(list).values();
    case Type::FIXED_SIZE_LIST: return *as<arrow::FixedSizeListArray>(list).values();
    case Type::LIST_VIEW: return *as<arrow::ListViewArray>(list).values();
    case Type::LARGE_LIST_VIEW: return *as<arrow::LargeListViewArray>(list).values();
    default: return *as<arrow::ListArray>(list).values();
  }
}

std::string_view text_at(const arrow::Array& array, std::int64_t i) {
  if (array.type_id() != Type::DICTIONARY) return bytes_at(array, i);
  const auto& dictionary = as<arrow::DictionaryArray>(array);
  return text_at(*dictionary.dictionary(), dictionary.GetValueIndex(i));
}

void append_json(const arrow::Array& array, std::int64_t i, std::string& out) {
  if (array.IsNull(i)) {
    out += "null";
    return;
  }
  if (is_any_list(array)) return append_list(array, i, out);
  switch (array.type_id()) {
    case Type::NA: out += "null"; break;
    case Type::BOOL: out += as<arrow::BooleanArray>(array).Value(i) ? "true" : "false"; break;
    case Type::INT8: append_integer<arrow::Int8Array>(array, i, out); break;
    case Type::INT16: append_integer<arrow::Int16Array>(array, i, out); break;
    case Type::INT32: append_integer<arrow::Int32Array>(array, i, out); break;
    case Type::INT64: append_integer<arrow::Int64Array>(array, i, out); break;
    case Type::UINT8: append_integer<arrow::UInt8Array>(array, i, out); break;
    case Type::UINT16: append_integer<arrow::UInt16Array>(array, i, out); break;
    case Type::UINT32: append_integer<arrow::UInt32Array>(array, i, out); break;
    case Type::UINT64: append_integer<arrow::UInt64Array>(array, i, out); break;
    case Type::HALF_FLOAT:
      append_number(arrow::util::Float16::FromBits(as<arrow::HalfFloatArray>(array).Value(i)).ToDouble(), out);
      break;
    case Type::FLOAT: append_number(as<arrow::FloatArray>(array).Value(i), out); break;
    case Type::DOUBLE: append_number(as<arrow::DoubleArray>(array).Value(i), out); break;
    case Type::STRING:
    case Type::LARGE_STRING:
    case Type::STRING_VIEW: append_json_string(bytes_at(array, i), out); break;
    case Type::BINARY:
    case Type::LARGE_BINARY:
    case Type::BINARY_VIEW:
    case Type::FIXED_SIZE_BINARY: append_json_string(encode_base64(bytes_at(array, i)), out); break;
    case Type::STRUCT: append_struct(as<arrow::StructArray>(array), i, out); break;
    case Type::DICTIONARY: {
      const auto& dictionary = as<arrow::DictionaryArray>(array);
      append_json(*dictionary.dictionary(), dictionary.GetValueIndex(i), out);
      break;
    }
    case Type::EXTENSION: append_json(*as<arrow::ExtensionArray>(array).storage(), i, out); break;
    default: append_as_text(array, i, out);
  }
}

}  // namespace scalselect::pq
