// Plain option structs, described once: reading from a JSON tree, writing to one, and listing for documentation.
//
// A struct `FooOptions` provides a static member template that names each field once:
//
//   struct FooOptions {
//     double theta = 0.9;
//     Pooling pooling = Pooling::kMass;
//     template <class Visitor>
//     static void describe(Visitor& v, FooOptions& o) {
//       v.field("theta", o.theta, "attention mass kept, 0 < theta <= 1", Range{0.0, 1.0});
//       v.choice("pooling", o.pooling, {{"mass", Pooling::kMass}, {"all", Pooling::kAll}}, "which visual tokens");
//     }
//   };
//
// then `bind_options<FooOptions>(json, "method")`, `dump_options(o)`, `document_options<FooOptions>()` all work.
// Field types: bool, integers, double, std::string, std::optional of these, std::vector of these, nested structs.
// Cache keys are made from `dump_options`, so a field that changes a result belongs in `describe`.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"

namespace scalselect {

/// Closed interval that a number must lie in.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

/// Says where a key was written ("conf/method/x.yaml:3"), for error messages; may return an empty string.
using KeyOrigin = std::function<std::string(const std::string& dotted_key)>;

/// One line of an option table. A struct of options is a line without a default, followed by its fields under dotted
/// names ("lora", "lora.r"); a list of structs by those of its elements ("benchmarks", "benchmarks.N.kind").
struct OptionDoc {
  std::string name, type, default_value, help;
};

namespace detail {

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};

/// Whether T is a struct with a `describe` of its own.
template <class T>
constexpr bool is_options() {
  return !std::is_arithmetic_v<T> && !std::is_same_v<T, std::string> && !is_optional<T>::value && !is_vector<T>::value;
}

template <class T>
std::string type_name() {
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  else if constexpr (std::is_integral_v<T>) return "an integer";
  else if constexpr (std::is_floating_point_v<T>) return "a number";
  else if constexpr (std::is_same_v<T, std::string>) return "a string";
  else if constexpr (is_optional<T>::value) return type_name<typename T::value_type>() + " or null";
  else if constexpr (is_vector<T>::value) return "a list (each " + type_name<typename T::value_type>() + ")";
  else return "a mapping";
}

[[noreturn]] void throw_wrong_type(const std::string& key, const nlohmann::json& value, const std::string& expected,
                                   const KeyOrigin& origin);
[[noreturn]] void throw_unknown_key(const std::string& key, const std::vector<std::string>& known,
                                    const KeyOrigin& origin);
void check_range(const std::string& key, double value, const Range& range, const KeyOrigin& origin);

}  // namespace detail

/// Fills a struct from a JSON object; see `bind_options`.
class OptionBinder {
 public:
  OptionBinder(const nlohmann::json& tree, std::string path, KeyOrigin origin)
      : tree_(tree), path_(std::move(path)), origin_(std::move(origin)) {
    if (!tree_.is_object()) detail::throw_wrong_type(path_, tree_, "a mapping", origin_);
  }

  template <class T>
  void field(const char* name, T& target, const char* /*help*/, Range range = {}) {
    known_.emplace_back(name);
    const auto found = tree_.find(name);
    if (found != tree_.end()) read(dotted(name), *found, target, range);
  }

  template <class E>
  void choice(const char* name, E& target, std::initializer_list<std::pair<const char*, E>> choices, const char*) {
    known_.emplace_back(name);
    const auto found = tree_.find(name);
    if (found == tree_.end()) return;
    std::string allowed;
    for (const auto& [label, value] : choices) {
      if (found->is_string() && found->get<std::string>() == label) {
        target = value;
        return;
      }
      allowed += (allowed.empty() ? "one of " : ", ") + std::string(label);
    }
    detail::throw_wrong_type(dotted(name), *found, allowed, origin_);
  }

  /// Call last: refuses keys that no field has named.
  void finish() const {
    for (const auto& item : tree_.items()) {
      bool known = false;
      for (const auto& name : known_) known = known || name == item.key();
      if (!known) detail::throw_unknown_key(dotted(item.key()), known_, origin_);
    }
  }

 private:
  std::string dotted(const std::string& name) const { return path_.empty() ? name : path_ + "." + name; }

  template <class T>
  void read(const std::string& key, const nlohmann::json& value, T& target, const Range& range) {
    if constexpr (detail::is_optional<T>::value) {
      if (value.is_null()) {
        target.reset();
      } else {
        typename T::value_type inner{};
        read(key, value, inner, range);
        target = std::move(inner);
      }
    } else if constexpr (detail::is_vector<T>::value) {
      if (!value.is_array()) detail::throw_wrong_type(key, value, detail::type_name<T>(), origin_);
      T list;
      for (std::size_t i = 0; i < value.size(); ++i) {
        typename T::value_type inner{};
        read(key + "." + std::to_string(i), value[i], inner, range);
        list.push_back(std::move(inner));
      }
      target = std::move(list);
    } else if constexpr (std::is_same_v<T, bool>) {
      if (!value.is_boolean()) detail::throw_wrong_type(key, value, detail::type_name<T>(), origin_);
      target = value.get<bool>();
    } else if constexpr (std::is_integral_v<T>) {
      if (!value.is_number_integer()) detail::throw_wrong_type(key, value, detail::type_name<T>(), origin_);
      const auto number = value.get<std::int64_t>();
      detail::check_range(key, static_cast<double>(number), range, origin_);
      target = static_cast<T>(number);
    } else if constexpr (std::is_floating_point_v<T>) {
      if (!value.is_number()) detail::throw_wrong_type(key, value, detail::type_name<T>(), origin_);
      detail::check_range(key, value.get<double>(), range, origin_);
      target = value.get<T>();
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (!value.is_string()) detail::throw_wrong_type(key, value, detail::type_name<T>(), origin_);
      target = value.get<std::string>();
    } else {
      OptionBinder nested(value, key, origin_);
      T::describe(nested, target);
      nested.finish();
    }
  }

  const nlohmann::json& tree_;
  std::string path_;
  KeyOrigin origin_;
  std::vector<std::string> known_;
};

/// Writes a struct as an ordered JSON object; see `dump_options`.
class OptionDumper {
 public:
  template <class T>
  void field(const char* name, T& value, const char*, Range = {}) {
    tree[name] = to_json(value);
  }
  template <class E>
  void choice(const char* name, E& value, std::initializer_list<std::pair<const char*, E>> choices, const char*) {
    for (const auto& [label, candidate] : choices) {
      if (candidate == value) tree[name] = label;
    }
  }
  nlohmann::ordered_json tree = nlohmann::ordered_json::object();

 private:
  template <class T>
  static nlohmann::ordered_json to_json(T& value) {
    if constexpr (detail::is_optional<T>::value) {
      return value ? to_json(*value) : nlohmann::ordered_json(nullptr);
    } else if constexpr (detail::is_vector<T>::value) {
      auto list = nlohmann::ordered_json::array();
      for (auto item : value) list.push_back(to_json(item));
      return list;
    } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      return value;
    } else {
      OptionDumper nested;
      T::describe(nested, value);
      return nested.tree;
    }
  }
};

/// Lists the fields of a struct; see `document_options`.
class OptionLister {
 public:
  template <class T>
  void field(const char* name, T& value, const char* help, Range = {}) {
    if constexpr (detail::is_options<T>()) {
      docs.push_back({name, detail::type_name<T>(), "", help});
      add_fields(name, value);
    } else {
      OptionDumper dumper;
      dumper.field(name, value, help);
      docs.push_back({name, detail::type_name<T>(), dumper.tree[name].dump(), help});
      if constexpr (detail::is_vector<T>::value) {
        if constexpr (detail::is_options<typename T::value_type>()) {
          typename T::value_type element;
          add_fields(name + std::string(".N"), element);
        }
      }
    }
  }
  template <class E>
  void choice(const char* name, E& value, std::initializer_list<std::pair<const char*, E>> choices, const char* help) {
    OptionDoc doc{name, "", "", help};
    for (const auto& [label, candidate] : choices) {
      doc.type += (doc.type.empty() ? "" : " | ") + std::string(label);
      if (candidate == value) doc.default_value = label;
    }
    docs.push_back(doc);
  }
  std::vector<OptionDoc> docs;

 private:
  template <class T>
  void add_fields(const std::string& path, T& value) {
    OptionLister nested;
    T::describe(nested, value);
    for (auto& doc : nested.docs) {
      doc.name = path + "." + doc.name;
      docs.push_back(std::move(doc));
    }
  }
};

/// Options from a JSON object over the struct's defaults. `path` is the dotted prefix used in messages.
/// Throws UserError(kUsage): unknown key (with the nearest name), wrong type (key, value, expected), out of range.
template <class Options>
Options bind_options(const nlohmann::json& tree, const std::string& path = {}, const KeyOrigin& origin = {}) {
  Options options;
  OptionBinder binder(tree, path, origin);
  Options::describe(binder, options);
  binder.finish();
  return options;
}

/// All fields as an ordered JSON object, in the order of `describe`; the basis of cache keys and run records.
template <class Options>
nlohmann::ordered_json dump_options(Options options) {
  OptionDumper dumper;
  Options::describe(dumper, options);
  return dumper.tree;
}

/// Name, type, default and help of every field.
template <class Options>
std::vector<OptionDoc> document_options() {
  Options options;
  OptionLister lister;
  Options::describe(lister, options);
  return lister.docs;
}

}  // namespace scalselect
