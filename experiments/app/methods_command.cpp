// methods: the registry for readers.
#include <fmt/format.h>

#include "baselines/method_pages.h"
#include "experiments/app/commands.h"

namespace scalselect::app {

int list_methods(const Words& words) {
  if (words.empty()) {
    for (const auto& entry : methods()) fmt::print("{:28} {}\n", entry.name, entry.summary);
  } else if (words[0] == "--markdown") {
    fmt::print("{}", methods_markdown());
  } else {
    for (const auto& name : words) fmt::print("{}\n", method_page(find_method(name)));
  }
  return 0;
}

}  // namespace scalselect::app
