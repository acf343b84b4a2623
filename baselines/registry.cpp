#include "baselines/registry.h"

#include <fmt/format.h>

#include "baselines/entry.h"
#include "core/error.h"

namespace scalselect {

const std::vector<MethodEntry>& methods() {
  static const std::vector<MethodEntry> all = {
      scalselect_entry(),
      scalselect_no_instruction_entry(),
      scalselect_all_tokens_entry(),
      scalselect_tower_entry(),
      scalselect_last_layer_entry(),
      scalselect_sampled_entry(),
      scalselect_pivoted_entry(),
      scalselect_residual_entry(),
      scalselect_clustered_entry(),
      full_entry(),
      random_entry(),
      length_entry(),
      perplexity_entry(),
      ifd_entry(),
      el2n_entry(),
      k_center_entry(),
      rds_plus_entry(),
      facility_location_entry(),
      graph_cut_entry(),
      herding_entry(),
      log_det_entry(),
      cluster_balanced_entry(),
      semdedup_entry(),
      d2_pruning_entry(),
      self_filter_entry(),
      prism_entry(),
      coincide_entry(),
      grand_entry(),
      less_entry(),
      icons_entry(),
      tive_entry(),
  };
  return all;
}

const MethodEntry& find_method(std::string_view name) {
  std::vector<std::string> names;
  std::string listed;
  for (const auto& entry : methods()) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
    listed += (listed.empty() ? "" : ", ") + entry.name;
  }
  throw UserError(ErrorKind::kUsage, fmt::format("There is no method '{}'.{}", name, did_you_mean(name, names)),
                  fmt::format("Known methods: {}.", listed));
}

std::unique_ptr<SelectionMethod> make_method(std::string_view name, const nlohmann::json& options,
                                             const std::string& path, const KeyOrigin& origin) {
  return find_method(name).make(options, path, origin);
}

}  // namespace scalselect
