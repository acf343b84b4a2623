// A choice that was made elsewhere: a published subset or index file, a ranking, a manifest. It takes part in
// comparisons as it is; forms, repeated ids and other pools: data/row_list.h.
#include "baselines/registry.h"
#include "data/row_list.h"

namespace scalselect {
namespace {

constexpr char kNoPath[] = "???";  // a configuration that leaves it so is refused

struct IdsOptions {
  std::string path = kNoPath;
  RowListOptions list{.of_method = true};

  template <class Visitor>
  static void describe(Visitor& v, IdsOptions& o) {
    v.field("path", o.path,
            "the list: ids or row numbers (one per line, JSON, .npy), samples with their conversations, a ranking or a "
            "manifest");
    v.choice("keyed_by", o.list.keyed_by, {{"auto", KeyedBy::kAuto}, {"row", KeyedBy::kRow}, {"id", KeyedBy::kId}},
             "what its numbers are: rows of the pool counted from 0, or the pool's ids; auto: what fits the pool");
    v.choice("unknown", o.list.skip_unknown, {{"refuse", false}, {"skip", true}},
             "entries that the pool does not have: refuse the list, or leave them out with a warning");
  }
};

/// A list is taken whole: a budget would cut it where its authors did not. The top of a ranking is a choice.
SelectionResult select(const MethodInput& input, std::int64_t budget) {
  SelectionResult result;
  result.rows.assign(input.listed.begin(), input.listed.begin() + budget);
  return result;
}

Method make(const IdsOptions& options) {
  Method method{.budget_use = BudgetUse::kAll, .select = select};
  method.list = [options](const Pool* pool, std::int64_t pool_size) {
    return read_row_list(options.path, pool, pool_size, options.list).rows;
  };
  method.files = {{"path", options.path}};
  if (options.path != kNoPath && is_ranking(options.path)) method.budget_use = BudgetUse::kPrefix;
  return method;
}

}  // namespace

MethodEntry ids_entry() {
  return method_entry("ids", "what a file names: a published subset, a list of ids or rows, a ranking, a manifest",
                      "time and memory O(N); no model", "whoever chose it", make);
}

}  // namespace scalselect
