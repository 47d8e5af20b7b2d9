// The tracing API: functions that append one qvl op each, so that a model reads like the paper.
//
//   Tracer trace(module, "vision");
//   Tensor x = trace.input("pixels", f32, {kDynamic, 1176});
//   auto scope = trace.scope("visual");
//   Tensor y = trace.linear(x, trace.parameter("patch_embed.proj.weight", {1280, 1176}));
//   trace.finish({{"features", y}});
//
// Every op gets a location that names the module path: the open scopes joined by dots, then the
// op's own name.
#pragma once

#include "dialects/qvl/IR/Qvl.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>

namespace qvl {

/// Shape entry of a dimension known at run time only.
inline constexpr int64_t kDynamic = mlir::ShapedType::kDynamic;

/// A value of the traced function.
struct Tensor {
  mlir::Value value;

  mlir::RankedTensorType type() const {
    return mlir::cast<mlir::RankedTensorType>(value.getType());
  }
};

/// A parameter of the model: a symbol and its logical type.
struct Parameter {
  mlir::qvl::ParameterOp op;
};

/// Gives the declared parameter of a canonical name and logical shape; it fails by returning a null
/// op after a diagnostic.
using ParameterSource =
    llvm::function_ref<Parameter(llvm::StringRef name, llvm::ArrayRef<int64_t> shape)>;

/// Traces one function into a module.
class Tracer {
public:
  /// Starts function `name` at the end of `module`. `parameters` resolves full parameter names.
  Tracer(mlir::ModuleOp module, llvm::StringRef name, ParameterSource parameters);

  /// Adds an argument, named `name` in the artifact.
  Tensor input(llvm::StringRef name, mlir::Type element, llvm::ArrayRef<int64_t> shape);
  /// Adds the KV cache argument.
  mlir::Value cacheInput(llvm::StringRef name, mlir::qvl::CacheType type);

  /// Opens a scope of the module path for the life of the returned object.
  class Scope {
  public:
    Scope(Tracer &tracer, std::string name);
    ~Scope();
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;

  private:
    Tracer &tracer;
  };
  [[nodiscard]] Scope scope(const llvm::Twine &name) { return Scope(*this, name.str()); }

  // Each of these appends one op. `name` ends the location's module path; a linear and a norm carry
  // the name of their parameters' module, `name`.weight and `name`.bias.

  Tensor embed(llvm::StringRef name, Tensor ids, int64_t rows, int64_t columns, mlir::Type element);
  /// `element` is the element type of the result, that of `x` by default.
  Tensor linear(llvm::StringRef name, Tensor x, int64_t columns, bool bias,
                mlir::Type element = {});
  /// A projection by a parameter that another module owns (a tied head).
  Tensor linearBy(llvm::StringRef name, Tensor x, llvm::StringRef fullWeightName, int64_t columns,
                  mlir::Type element = {});
  Tensor rmsNorm(llvm::StringRef name, Tensor x, double eps);
  Tensor mergeFeatures(llvm::StringRef name, Tensor embeddings, Tensor features,
                       Tensor featureRows);
  Tensor gatherRows(llvm::StringRef name, Tensor x, Tensor rows);
  Tensor regroup(llvm::StringRef name, Tensor x, Tensor index, Tensor segments, int64_t group,
                 bool inverse);
  Tensor mergeRows(llvm::StringRef name, Tensor x, int64_t rows);
  Tensor add(llvm::StringRef name, Tensor a, Tensor b);
  Tensor mul(llvm::StringRef name, Tensor a, Tensor b);
  Tensor silu(llvm::StringRef name, Tensor x);
  Tensor gelu(llvm::StringRef name, Tensor x);
  /// `x` with elements of type `element`: `x` itself when it has them.
  Tensor cast(llvm::StringRef name, Tensor x, mlir::Type element);
  llvm::SmallVector<Tensor> splitHeads(llvm::StringRef name, Tensor x,
                                       llvm::ArrayRef<int64_t> heads, int64_t headDim);
  Tensor ropeTable(llvm::StringRef name, Tensor positions, double theta,
                   llvm::ArrayRef<int64_t> sections, mlir::qvl::FrequencySharing sharing);
  Tensor rotate(llvm::StringRef name, Tensor x, Tensor table);
  Tensor attention(llvm::StringRef name, Tensor q, Tensor k, Tensor v, Tensor segments,
                   double scale, std::optional<int64_t> maxRows);
  /// An index constant that selects a layer of the cache.
  mlir::Value layer(int64_t number);
  mlir::Value cacheAppend(llvm::StringRef name, Tensor k, Tensor v, mlir::Value cache,
                          mlir::Value layer, Tensor slots);
  Tensor cachedAttention(llvm::StringRef name, Tensor q, mlir::Value cache, mlir::Value layer,
                         Tensor rowOffsets, Tensor rowSequence, Tensor cacheLengths,
                         Tensor blockTable, double scale);

  /// Ends the function. `results` are its named tensors; `cache`, when there is one, is returned
  /// after them.
  mlir::LogicalResult finish(llvm::ArrayRef<std::pair<llvm::StringRef, Tensor>> results,
                             mlir::Value cache = nullptr);

  mlir::func::FuncOp function() const { return func; }

private:
  /// The full name of `name` in the open scopes.
  std::string path(llvm::StringRef name) const;
  mlir::Location location(llvm::StringRef name);
  mlir::Value argument(llvm::StringRef name, mlir::Type type);
  /// Loads the parameter of that full name; null (and the trace fails) when there is none.
  mlir::Value load(const std::string &fullName, llvm::ArrayRef<int64_t> shape, mlir::Location loc);
  /// Like `like`, with other columns and perhaps other elements.
  static mlir::RankedTensorType withColumns(mlir::RankedTensorType like, int64_t columns,
                                            mlir::Type element = {});

  mlir::func::FuncOp func;
  mlir::OpBuilder builder;
  ParameterSource parameters;
  llvm::SmallVector<std::string> scopes;
  bool failed = false;
};

} // namespace qvl
