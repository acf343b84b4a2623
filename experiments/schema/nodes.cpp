#include "experiments/schema/nodes.h"

#include "baselines/registry.h"

namespace scalselect::schema {

const config::ConfigNodes& registered_nodes() {
  static const auto nodes = [] {
    config::ConfigNodes all;
    for (const auto& entry : methods()) {
      nlohmann::ordered_json node = {{"name", entry.name}};
      node.update(entry.resolve(nlohmann::json::object()));
      all["method/" + entry.name] = node.dump();  // JSON is YAML
    }
    return all;
  }();
  return nodes;
}

}  // namespace scalselect::schema
