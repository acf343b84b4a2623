// The configurations that the program itself registers: every selection method's options with their defaults.
#pragma once

#include "experiments/config/repository.h"

namespace scalselect::schema {

/// "method/NAME" for every method of the registry: `name`, then its options. So each is an option of the group `method`
/// and each of its options a key, without a YAML file; a file of that name says only what differs.
const config::ConfigNodes& registered_nodes();

}  // namespace scalselect::schema
