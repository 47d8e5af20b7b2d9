// Parameters that fusion passes put one below the other.
#pragma once

#include "dialects/qvl/IR/Qvl.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"

namespace mlir::qvl {

/// Parameters of a module and how many loads name each.
class Parameters {
public:
  explicit Parameters(ModuleOp module);

  /// The parameter that a value loads; null when it comes from elsewhere.
  ParameterOp of(Value value);
  /// True when one load names it.
  bool isLoadedOnce(ParameterOp parameter) const {
    return loads.lookup(parameter.getSymNameAttr()) == 1;
  }
  /// Puts a new parameter before `place`, under a name that is free.
  StringAttr insert(ParameterOp parameter, Operation *place) {
    return symbols.insert(parameter, Block::iterator(place));
  }
  /// Erases the loads that `values` are, and their parameters.
  void erase(ArrayRef<Value> values, RewriterBase &rewriter);

private:
  SymbolTable symbols;
  DenseMap<StringAttr, unsigned> loads;
};

/// A value is a parameter without a stored form yet that nothing else reads, so that its rows are
/// stored once, inside the joined parameter.
bool isJoinable(Value value, Parameters &parameters);

/// A value in a remark: its parameter, or the op or argument that it comes from.
std::string nameOf(Value value);

/// What the names of the parameters have in common, up to a dot: the path of their module.
StringRef commonScope(ArrayRef<Value> values, Parameters &parameters);

/// Declares a parameter with the rows of those that `values` load, in their order, and loads it.
/// `values` are joinable and have one element type and one number of columns.
Value join(ArrayRef<Value> values, StringRef name, RewriterBase &rewriter, Location loc,
           Parameters &parameters);

} // namespace mlir::qvl
