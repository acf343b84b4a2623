// The functions that a template finds without being given them, and the objects that they make.
#include <algorithm>

#include "vlm/jinja/interpreter.h"

namespace scalselect::vlm::jinja {
namespace {

/// `loop` of a for.
class Loop final : public Object {
 public:
  Loop(std::shared_ptr<const std::vector<Value>> items, Budget& budget) : items_(std::move(items)), budget_(budget) {}

  std::optional<Value> attribute(const std::string& name) override {
    const auto index = static_cast<std::int64_t>(index_), size = std::ssize(*items_);
    if (name == "index") return index + 1;
    if (name == "index0") return index;
    if (name == "revindex") return size - index;
    if (name == "revindex0") return size - index - 1;
    if (name == "first") return index == 0;
    if (name == "last") return index + 1 == size;
    if (name == "length") return size;
    if (name == "depth") return 1;  // more only in recursive loops
    if (name == "depth0") return 0;
    if (name == "previtem") return index > 0 ? (*items_)[index_ - 1] : Value::undefined("there is no previous item");
    if (name == "nextitem") {
      return index + 1 < size ? (*items_)[index_ + 1] : Value::undefined("there is no next item");
    }
    if (name == "cycle") {
      return Value::callable(name, [index = index_](const Arguments& given) {
        if (given.positional.empty()) throw Error("no items for cycling given");
        return given.positional[index % given.positional.size()];
      });
    }
    if (name == "changed") {
      return Value::callable(name, [this](const Arguments& given) -> Value {
        auto now = make_sequence(Sequence::Kind::kTuple, given.positional);
        if (last_ && equal(*last_, now, budget_)) return false;
        last_ = std::move(now);
        return true;
      });
    }
    return std::nullopt;
  }
  std::string describe() const override {
    return "<LoopContext " + std::to_string(index_ + 1) + "/" + std::to_string(items_->size()) + ">";
  }
  void clear() override {
    items_ = std::make_shared<const std::vector<Value>>();
    last_.reset();
  }
  void go_to(std::size_t index) { index_ = index; }

 private:
  std::shared_ptr<const std::vector<Value>> items_;
  Budget& budget_;
  std::size_t index_ = 0;
  std::optional<Value> last_;
};

class Cycler final : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}
  std::optional<Value> attribute(const std::string& name) override {
    if (name == "current") return items_[at_];
    if (name == "next") {
      return Value::callable(name, [this](const Arguments&) {
        auto now = items_[at_];
        at_ = (at_ + 1) % items_.size();
        return now;
      });
    }
    if (name == "reset") {
      return Value::callable(name, [this](const Arguments&) {
        at_ = 0;
        return Value();
      });
    }
    return std::nullopt;
  }
  std::string describe() const override { return "<Cycler>"; }
  void clear() override { items_.assign(1, Value()); }

 private:
  std::vector<Value> items_;
  std::size_t at_ = 0;
};

void refuse_underscore(const std::string& name) {
  if (name.starts_with('_')) throw Error("an attribute of a namespace may not begin with '_', as '" + name + "' does");
}

}  // namespace

std::optional<Value> Namespace::attribute(const std::string& name) {
  for (const auto& [known, value] : entries_) {
    if (known == name) return value;
  }
  return std::nullopt;
}

void Namespace::set(const std::string& name, Value value, Budget& budget) {
  refuse_underscore(name);
  budget.spend(std::ssize(entries_) / 32);
  for (auto& [known, old] : entries_) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  entries_.emplace_back(name, std::move(value));
}

Value Interpreter::keep(std::shared_ptr<Object> object) {
  budget_.spend(4);
  objects_.push_back(object);
  return object;
}

std::shared_ptr<Object> Interpreter::loop_object(std::shared_ptr<const std::vector<Value>> items) {
  return keep(std::make_shared<Loop>(std::move(items), budget_)).shared_object();
}

void Interpreter::go_to(Object& loop, std::size_t index) { static_cast<Loop&>(loop).go_to(index); }

Value Interpreter::range(const Arguments& given) {
  const Parameters args("range", given, {"start", "stop", "step"});
  if (!given.named.empty()) throw Error("range() takes no keyword arguments");
  auto start = args.integer("start"), stop = args.integer("stop", 0);
  const auto step = args.integer("step", 1);
  if (args.find("stop") == nullptr) stop = std::exchange(start, 0);
  if (step == 0) throw Error("range() arg 3 must not be zero");
  std::vector<Value> items;
  for (auto at = start; step > 0 ? at < stop : at > stop;) {
    if (std::ssize(items) == kMostRange) {
      throw Error("Range too big. The sandbox blocks ranges larger than MAX_RANGE (" + std::to_string(kMostRange) +
                  ").");
    }
    items.emplace_back(at);
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  budget_.spend(std::ssize(items));
  return make_sequence(Sequence::Kind::kRange, std::move(items));
}

Value Interpreter::make_dict_of(const Arguments& given) {
  if (given.positional.size() > 1) throw Error("dict expected at most 1 argument");
  std::vector<std::pair<Value, Value>> entries;
  if (!given.positional.empty()) {
    const auto& from = given.positional.front();
    if (from.is(Value::Type::kDict)) {
      entries = from.dict().entries;
    } else {
      for (const auto& pair : iterate(from, budget_)) {
        const auto both = iterate(pair, budget_);
        if (both.size() != 2) throw Error("a dictionary update sequence element must have length 2");
        entries.emplace_back(both[0], both[1]);
      }
    }
  }
  for (const auto& [name, value] : given.named) entries.emplace_back(name, value);
  return make_dict(entries, budget_);
}

Value Interpreter::make_namespace(const Arguments& given) {
  auto made = std::make_shared<Namespace>();
  const auto entries = make_dict_of(given);
  for (const auto& [name, value] : entries.dict().entries) made->set(require_text(name), value, budget_);
  return keep(std::move(made));
}

Value Interpreter::cycler(const Arguments& given) {
  if (given.positional.empty()) throw Error("at least one item has to be provided");
  return keep(std::make_shared<Cycler>(given.positional));
}

Value Interpreter::joiner(const Arguments& given) {
  const Parameters args("joiner", given, {"sep"});
  const Value between = args.find("sep") == nullptr ? Value(", ") : *args.find("sep");
  return Value::callable(
      "joiner",
      [between, used = std::make_shared<bool>(false)](const Arguments&) {
        return std::exchange(*used, true) ? between : Value("");
      },
      between.nesting());
}

Value Interpreter::global(const std::string& name) {
  const auto function = [&](Value (Interpreter::*method)(const Arguments&)) {
    return Value::callable(name, [this, method](const Arguments& given) { return (this->*method)(given); });
  };
  if (name == "range") return function(&Interpreter::range);
  if (name == "namespace") return function(&Interpreter::make_namespace);
  if (name == "dict") return function(&Interpreter::make_dict_of);
  if (name == "cycler") return function(&Interpreter::cycler);
  if (name == "joiner") return function(&Interpreter::joiner);
  if (name == "raise_exception") {
    return Value::callable(name, [this](const Arguments& given) -> Value {
      const Parameters args("raise_exception", given, {"message"});
      throw Raised(to_text(args.require("message"), budget_));
    });
  }
  if (name == "strftime_now") {
    return Value::callable(name, [this](const Arguments& given) -> Value {
      const Parameters args("strftime_now", given, {"format"});
      const auto& format = args.text("format");
      char out[512];
      if (format.empty()) return "";
      const auto size = std::strftime(out, sizeof out, format.c_str(), &now_);
      if (size == 0) throw Error("the format of strftime_now is too long");
      return std::string(out, size);
    });
  }
  return Value::undefined("'" + name + "' is undefined");
}

}  // namespace scalselect::vlm::jinja
