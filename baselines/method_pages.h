// The registry as text: what each method needs, costs and takes, for the command line and docs/methods.md.
#pragma once

#include <string>

#include "baselines/registry.h"

namespace scalselect {

/// One method in Markdown: heading, a paragraph (what it does, features, use of budget and seed, cost, source), and a
/// table of its options with types and defaults.
std::string method_page(const MethodEntry& entry);

/// All methods in the registry's order under one heading: the content of docs/methods.md.
std::string methods_markdown();

}  // namespace scalselect
