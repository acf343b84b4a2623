// Options of the methods that read ScalSelect's subspace another way and have no other options.
#pragma once

#include "selector/scalselect.h"

namespace scalselect {

struct LeverageOptions {
  ScalSelectOptions features;

  template <class Visitor>
  static void describe(Visitor& v, LeverageOptions& o) {
    v.field("features", o.features, "vectors and subspace; the options of scalselect");
  }
};

}  // namespace scalselect
