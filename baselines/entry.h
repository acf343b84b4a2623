// How a method's file describes itself to the registry.
#pragma once

#include <memory>
#include <string>

#include "baselines/registry.h"

namespace scalselect {

/// An entry for a method that is made from `Options` alone.
template <class Options>
MethodEntry method_entry(std::string name, std::string summary, std::string cost, std::string source,
                         std::unique_ptr<SelectionMethod> (*make)(const Options&)) {
  MethodEntry entry;
  entry.name = std::move(name);
  entry.summary = std::move(summary);
  entry.cost = std::move(cost);
  entry.source = std::move(source);
  entry.options = document_options<Options>();
  entry.make = [make](const nlohmann::json& options, const std::string& path, const KeyOrigin& origin) {
    return make(bind_options<Options>(options, path, origin));
  };
  entry.resolve = [](const nlohmann::json& options) { return dump_options(bind_options<Options>(options)); };
  return entry;
}

// One function a file of this folder.
MethodEntry full_entry();
MethodEntry random_entry();
MethodEntry length_entry();
MethodEntry perplexity_entry();
MethodEntry k_center_entry();
MethodEntry rds_plus_entry();
MethodEntry facility_location_entry();
MethodEntry graph_cut_entry();
MethodEntry herding_entry();
MethodEntry log_det_entry();
MethodEntry cluster_balanced_entry();
MethodEntry semdedup_entry();
MethodEntry d2_pruning_entry();
MethodEntry self_filter_entry();
MethodEntry grand_entry();
MethodEntry less_entry();
MethodEntry icons_entry();
MethodEntry tive_entry();
MethodEntry scalselect_entry();
MethodEntry scalselect_no_instruction_entry();
MethodEntry scalselect_all_tokens_entry();
MethodEntry scalselect_tower_entry();
MethodEntry scalselect_last_layer_entry();
MethodEntry scalselect_sampled_entry();
MethodEntry scalselect_pivoted_entry();
MethodEntry scalselect_residual_entry();
MethodEntry scalselect_clustered_entry();
MethodEntry coincide_entry();
MethodEntry prism_entry();
MethodEntry ifd_entry();
MethodEntry el2n_entry();

}  // namespace scalselect
