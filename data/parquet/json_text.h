// Values of Arrow arrays as JSON, in the form that data/containers/parquet.h describes.
#pragma once

#include <arrow/array.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace scalselect::pq {

/// Appends value `i` of `array`.
void append_json(const arrow::Array& array, std::int64_t i, std::string& out);

/// Appends a JSON string. Bytes that are not UTF-8 are copied as they are.
void append_json_string(std::string_view text, std::string& out);

/// The text of value `i`, which must not be null, of an array of strings of any kind, dictionaries included.
std::string_view text_at(const arrow::Array& array, std::int64_t i);

/// Items [first, second) of values(list) are those of list `i`.
std::pair<std::int64_t, std::int64_t> list_range(const arrow::Array& list, std::int64_t i);
const arrow::Array& list_values(const arrow::Array& list);
bool is_any_list(const arrow::Array& array);

}  // namespace scalselect::pq
