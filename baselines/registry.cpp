#include "baselines/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"

namespace scalselect {

// One line per method, in the order in which they are listed; each is `MethodEntry NAME_entry()` in a file of this
// folder.
#define SCALSELECT_METHODS(METHOD)  \
  METHOD(scalselect)                \
  METHOD(scalselect_no_instruction) \
  METHOD(scalselect_all_tokens)     \
  METHOD(scalselect_tower)          \
  METHOD(scalselect_last_layer)     \
  METHOD(scalselect_sampled)        \
  METHOD(scalselect_pivoted)        \
  METHOD(scalselect_residual)       \
  METHOD(scalselect_clustered)      \
  METHOD(full)                      \
  METHOD(ids)                       \
  METHOD(random)                    \
  METHOD(length)                    \
  METHOD(perplexity)                \
  METHOD(ifd)                       \
  METHOD(el2n)                      \
  METHOD(k_center)                  \
  METHOD(rds_plus)                  \
  METHOD(facility_location)         \
  METHOD(graph_cut)                 \
  METHOD(herding)                   \
  METHOD(log_det)                   \
  METHOD(cluster_balanced)          \
  METHOD(semdedup)                  \
  METHOD(d2_pruning)                \
  METHOD(self_filter)               \
  METHOD(prism)                     \
  METHOD(coincide)                  \
  METHOD(grand)                     \
  METHOD(less)                      \
  METHOD(icons)                     \
  METHOD(tive)

#define SCALSELECT_DECLARE(name) MethodEntry name##_entry();
SCALSELECT_METHODS(SCALSELECT_DECLARE)

const std::vector<MethodEntry>& methods() {
#define SCALSELECT_LIST(name) name##_entry(),
  static const std::vector<MethodEntry> all = {SCALSELECT_METHODS(SCALSELECT_LIST)};
  return all;
}

const MethodEntry& find_method(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& entry : methods()) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  throw UserError(ErrorKind::kUsage, fmt::format("There is no method '{}'.{}", name, did_you_mean(name, names)),
                  fmt::format("Known methods: {}.", fmt::join(names, ", ")));
}

Method make_method(std::string_view name, const nlohmann::json& options, const std::string& path,
                   const KeyOrigin& origin) {
  auto method = find_method(name).make(options, path, origin);
  method.name = name;
  return method;
}

}  // namespace scalselect
