// Chat templates in Jinja2, as transformers renders them: ImmutableSandboxedEnvironment(trim_blocks=True,
// lstrip_blocks=True) with loopcontrols, {% generation %}, raise_exception, strftime_now, and a tojson that escapes no
// HTML. Not supported, each with a sentence of its own: other templates (include, import, extends, block), recursive
// loops, integers of more than 64 bits. Without LibTorch.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlm/jinja/value.h"

namespace scalselect::vlm::jinja {

struct Node;

class Template {
 public:
  /// Throws Error, with the line, for what is not a template.
  explicit Template(std::string_view source);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  /// `variables`: a dict. `now`: what strftime_now tells. Throws Raised for the template's own raise_exception, and
  /// Error for whatever Jinja2 would raise or a limit (vlm/jinja/limits.h). Thread-safe.
  /// `generation`: gets the ranges [begin, end) of bytes that {% generation %} blocks made, in their order; not those
  /// inside of macros and {% set %} blocks.
  std::string render(const Value& variables, const std::tm& now,
                     std::vector<std::pair<std::size_t, std::size_t>>* generation = nullptr) const;

 private:
  std::unique_ptr<const Node> root_;
};

}  // namespace scalselect::vlm::jinja
