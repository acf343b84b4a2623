#include "vlm/pickle.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <variant>

#include "core/error.h"

namespace scalselect::vlm {
namespace {

struct Value;
using Ref = Value*;  // an index into the machine's store: values of a pickle can be nested or shared

struct None {};
struct Mark {};
/// A Python name that may be called; calling it makes a value here, never runs code.
enum class Callable { kDict, kTensor, kParameter };
struct StorageType {
  std::string type;
};
struct Storage {
  std::string type, key;
  std::int64_t size = 0;
};
struct List {
  std::vector<Ref> items;
};
struct Dict {
  std::vector<std::pair<Ref, Ref>> items;
};

struct Value {
  std::variant<None, Mark, bool, std::int64_t, double, std::string, List, Dict, Callable, StorageType, Storage,
               PickledTensor>
      v;
};

constexpr std::array kStorageTypes{"Float", "Half",  "BFloat16", "Double", "Long",
                                   "Int",   "Short", "Char",     "Byte",   "Bool"};

/// A pickle's instructions, carried out on a stack (protocols 2 to 5).
class Machine {
 public:
  Machine(std::string_view bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  Ref run() {
    while (true) {
      const auto op = static_cast<unsigned char>(take(1)[0]);
      if (op == '.') return pop();
      if (!number(op) && !text(op) && !container(op) && !memory(op)) object(op);
    }
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw UserError(ErrorKind::kInput, fmt::format("'{}' {}", file_, what),
                    "Save the weights again as a plain state dict, or as safetensors.");
  }

 private:
  std::string_view take(std::size_t count) {
    if (count > bytes_.size() - at_) refuse("is cut short in its pickle.");
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }

  /// Little-endian, unsigned.
  std::uint64_t take_number(std::size_t count) {
    std::uint64_t value = 0;
    const auto raw = take(count);
    for (std::size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(raw[i]);
    return value;
  }

  std::string take_line() {
    const auto end = bytes_.find('\n', at_);
    if (end == bytes_.npos) refuse("is cut short in its pickle.");
    std::string line(bytes_.substr(at_, end - at_));
    at_ = end + 1;
    return line;
  }

  template <class T>
  void push(T value) {
    stack_.push_back(&values_.emplace_back(Value{std::move(value)}));
  }

  Ref pop() {
    if (stack_.empty()) refuse("has a damaged pickle.");
    auto* value = stack_.back();
    stack_.pop_back();
    return value;
  }

  template <class T>
  T& as(Ref value, const char* what) const {
    auto* found = std::get_if<T>(&value->v);
    if (!found) refuse(fmt::format("has a damaged pickle: {} was expected.", what));
    return *found;
  }

  /// Pops everything above the last mark, and the mark.
  std::vector<Ref> pop_to_mark() {
    std::size_t begin = stack_.size();
    while (begin > 0 && !std::holds_alternative<Mark>(stack_[begin - 1]->v)) --begin;
    if (begin == 0) refuse("has a damaged pickle: a mark is missing.");
    std::vector<Ref> items(stack_.begin() + static_cast<std::ptrdiff_t>(begin), stack_.end());
    stack_.resize(begin - 1);
    return items;
  }

  Ref top() {
    if (stack_.empty()) refuse("has a damaged pickle.");
    return stack_.back();
  }

  bool number(unsigned char op) {
    switch (op) {
      case 'N': push(None{}); return true;
      case 0x88: push(true); return true;
      case 0x89: push(false); return true;
      case 'J': push(std::int64_t{static_cast<std::int32_t>(take_number(4))}); return true;
      case 'K': push(static_cast<std::int64_t>(take_number(1))); return true;
      case 'M': push(static_cast<std::int64_t>(take_number(2))); return true;
      case 0x8a: push(long_integer()); return true;
      case 'G': push(real()); return true;
      default: return false;
    }
  }

  /// LONG1: two's complement of a counted length.
  std::int64_t long_integer() {
    const auto count = take_number(1);
    if (count > 8) refuse("holds an integer of more than 64 bits.");
    const auto value = take_number(count);
    const bool negative = count > 0 && count < 8 && (value >> (8 * count - 1) & 1) != 0;
    return static_cast<std::int64_t>(negative ? value | ~std::uint64_t{0} << (8 * count) : value);
  }

  double real() {
    std::uint64_t bits = 0;
    for (const char c : take(8)) bits = bits << 8 | static_cast<unsigned char>(c);
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }

  bool text(unsigned char op) {
    switch (op) {
      case 'X': push(std::string(take(take_number(4)))); return true;   // BINUNICODE
      case 0x8c: push(std::string(take(take_number(1)))); return true;  // SHORT_BINUNICODE
      case 0x8d: push(std::string(take(take_number(8)))); return true;  // BINUNICODE8
      case 'U': push(std::string(take(take_number(1)))); return true;   // SHORT_BINSTRING
      default: return false;
    }
  }

  bool container(unsigned char op) {
    switch (op) {
      case '}': push(Dict{}); return true;
      case ']':
      case ')': push(List{}); return true;
      case '(': push(Mark{}); return true;
      case 't': push(List{pop_to_mark()}); return true;
      case 0x85: push_tuple(1); return true;
      case 0x86: push_tuple(2); return true;
      case 0x87: push_tuple(3); return true;
      case 'a': append({pop()}); return true;
      case 'e': append(pop_to_mark()); return true;
      case 's': set_one(); return true;
      case 'u': set(pop_to_mark()); return true;
      case '0': pop(); return true;
      default: return false;
    }
  }

  void push_tuple(std::size_t count) {
    List list;
    list.items.resize(count);
    for (std::size_t i = count; i-- > 0;) list.items[i] = pop();
    push(std::move(list));
  }

  void append(std::vector<Ref> items) {
    auto& list = as<List>(top(), "a list");
    list.items.insert(list.items.end(), items.begin(), items.end());
  }

  void set_one() {
    auto* value = pop();
    auto* key = pop();
    set({key, value});
  }

  void set(const std::vector<Ref>& items) {
    auto& dict = as<Dict>(top(), "a dictionary");
    if (items.size() % 2 != 0) refuse("has a damaged pickle: a key has no value.");
    for (std::size_t i = 0; i < items.size(); i += 2) dict.items.emplace_back(items[i], items[i + 1]);
  }

  bool memory(unsigned char op) {
    switch (op) {
      case 'q': memo_[take_number(1)] = top(); return true;
      case 'r': memo_[take_number(4)] = top(); return true;
      case 0x94: memo_.emplace(memo_.size(), top()); return true;  // MEMOIZE
      case 'h': recall(take_number(1)); return true;
      case 'j': recall(take_number(4)); return true;
      default: return false;
    }
  }

  void recall(std::uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) refuse("has a damaged pickle: it reads what it never stored.");
    stack_.push_back(found->second);
  }

  void object(unsigned char op) {
    switch (op) {
      case 0x80: check_protocol(take_number(1)); return;
      case 0x95: take_number(8); return;  // FRAME
      case 'c': {
        const auto module = take_line();
        return push_name(module, take_line());
      }
      case 0x93: {  // STACK_GLOBAL
        auto *attribute = pop(), *module = pop();
        return push_name(as<std::string>(module, "a name"), as<std::string>(attribute, "a name"));
      }
      case 'Q': return push_storage(as<List>(pop(), "a storage's description"));
      case 'R': return call();
      case 'b': pop(); return;  // BUILD sets attributes such as _metadata, which no tensor needs
      default: refuse(fmt::format("holds the pickle instruction 0x{:02x}, which no state dict needs.", op));
    }
  }

  void check_protocol(std::uint64_t protocol) const {
    if (protocol < 2 || protocol > 5) refuse(fmt::format("is pickled by protocol {}; 2 to 5 are known.", protocol));
  }

  void push_name(const std::string& module, const std::string& attribute) {
    const auto full = module + "." + attribute;
    if (full == "collections.OrderedDict") return push(Callable::kDict);
    if (full == "torch._utils._rebuild_tensor_v2") return push(Callable::kTensor);
    if (full == "torch._utils._rebuild_parameter") return push(Callable::kParameter);
    for (const std::string type : kStorageTypes) {
      if (full == "torch." + type + "Storage") return push(StorageType{type});
    }
    refuse(fmt::format("asks for the Python name '{}', which is not part of a tensor; nothing of it was run.", full));
  }

  void push_storage(const List& description) {
    if (description.items.size() != 5) refuse("describes a storage in an unknown way.");
    if (as<std::string>(description.items[0], "a storage") != "storage")
      refuse("refers to something other than a storage.");
    Storage storage;
    storage.type = as<StorageType>(description.items[1], "a storage's type").type;
    storage.key = as<std::string>(description.items[2], "a storage's name");
    storage.size = as<std::int64_t>(description.items[4], "a storage's size");
    push(std::move(storage));
  }

  void call() {
    auto *arguments = pop(), *function = pop();
    auto& list = as<List>(arguments, "an argument list");
    switch (as<Callable>(function, "a function")) {
      case Callable::kDict: return push(dict_of(list));
      case Callable::kTensor: return push(tensor(list));
      case Callable::kParameter:
        if (list.items.empty()) refuse("rebuilds a parameter from nothing.");
        stack_.push_back(list.items[0]);
        return;
    }
  }

  Dict dict_of(const List& arguments) const {
    if (!arguments.items.empty()) refuse("builds a dictionary from values, which no state dict needs.");
    return {};
  }

  PickledTensor tensor(const List& arguments) const {
    if (arguments.items.size() < 4) refuse("rebuilds a tensor from too little.");
    const auto& storage = as<Storage>(arguments.items[0], "a storage");
    PickledTensor out;
    out.storage = storage.key;
    out.type = storage.type;
    out.storage_size = storage.size;
    out.offset = as<std::int64_t>(arguments.items[1], "an offset");
    out.shape = integers(as<List>(arguments.items[2], "a shape"));
    out.stride = integers(as<List>(arguments.items[3], "strides"));
    check_window(out);
    return out;
  }

  std::vector<std::int64_t> integers(const List& list) const {
    std::vector<std::int64_t> out;
    for (auto* item : list.items) {
      out.push_back(as<std::int64_t>(item, "an integer"));
      if (out.back() < 0) refuse("has a tensor with a negative size or stride.");
    }
    return out;
  }

  /// The last element must lie inside the storage, and the element count must not overflow.
  void check_window(const PickledTensor& tensor) const {
    const auto beyond = [&] { refuse("has a tensor that reaches beyond its storage."); };
    if (tensor.shape.size() != tensor.stride.size() || tensor.shape.size() > 64) beyond();
    std::int64_t last = tensor.offset, count = 1;
    bool empty = false;
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      std::int64_t step = 0;
      empty = empty || tensor.shape[i] == 0;
      const auto extent = std::max<std::int64_t>(tensor.shape[i], 1);
      if (__builtin_mul_overflow(extent - 1, tensor.stride[i], &step) || __builtin_add_overflow(last, step, &last) ||
          __builtin_mul_overflow(count, extent, &count)) {
        beyond();
      }
    }
    if (tensor.offset < 0 || tensor.offset > tensor.storage_size) beyond();
    if (!empty && last >= tensor.storage_size) beyond();
  }

  std::string_view bytes_;
  const std::string& file_;
  std::size_t at_ = 0;
  std::deque<Value> values_;
  std::vector<Ref> stack_;
  std::map<std::uint64_t, Ref> memo_;
};

}  // namespace

std::vector<std::pair<std::string, PickledTensor>> read_state_dict_pickle(std::string_view bytes,
                                                                          const std::string& name) {
  Machine machine(bytes, name);
  const auto* root = machine.run();
  const auto* dict = std::get_if<Dict>(&root->v);
  if (!dict) machine.refuse("holds no dictionary of tensors.");
  std::vector<std::pair<std::string, PickledTensor>> tensors;
  for (const auto& [key, value] : dict->items) {
    const auto* text = std::get_if<std::string>(&key->v);
    const auto* tensor = std::get_if<PickledTensor>(&value->v);
    if (text && tensor) tensors.emplace_back(*text, *tensor);
  }
  return tensors;
}

}  // namespace scalselect::vlm
