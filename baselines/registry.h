// Every selection method by name: what the command line lists and what a configuration chooses from.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/options.h"
#include "selector/method.h"

namespace scalselect {

struct MethodEntry {
  std::string name;     ///< "k_center"
  std::string summary;  ///< one line
  std::string cost;     ///< time and memory in N (rows), M (budget), d (width); what the model must compute
  std::string source;   ///< paper or repository
  std::vector<OptionDoc> options;
  /// The method with its options (a JSON object; missing keys take defaults). `path` and `origin` go into error
  /// messages, see bind_options. Throws UserError(kUsage) as bind_options.
  std::function<Method(const nlohmann::json& options, const std::string& path, const KeyOrigin& origin)> make;
  /// The options with defaults filled in, for cache keys and records.
  std::function<nlohmann::ordered_json(const nlohmann::json& options)> resolve;
};

/// An entry for a method that is made from `Options` alone: what a method's file registers.
template <class Options>
MethodEntry method_entry(std::string name, std::string summary, std::string cost, std::string source,
                         Method (*make)(const Options&)) {
  return {std::move(name),
          std::move(summary),
          std::move(cost),
          std::move(source),
          document_options<Options>(),
          [make](const nlohmann::json& options, const std::string& path, const KeyOrigin& origin) {
            return make(bind_options<Options>(options, path, origin));
          },
          [](const nlohmann::json& options) { return dump_options(bind_options<Options>(options)); }};
}

/// All methods, in the order in which they are listed.
const std::vector<MethodEntry>& methods();

/// Throws UserError(kUsage) with the nearest names if there is none of that name.
const MethodEntry& find_method(std::string_view name);

/// make for `name`.
Method make_method(std::string_view name, const nlohmann::json& options = nlohmann::json::object(),
                   const std::string& path = {}, const KeyOrigin& origin = {});

}  // namespace scalselect
