// Both functions of the model in one module, over the parameters of a checkpoint.

#include "models/qwen2_5_vl/Model.h"

using namespace mlir;
namespace dialect = mlir::qvl;

namespace qvl::qwen2_5_vl {

Type elementType(MLIRContext &context, DType dtype) {
  switch (dtype) {
  case DType::BF16:
    return BFloat16Type::get(&context);
  case DType::F16:
    return Float16Type::get(&context);
  case DType::F32:
    return Float32Type::get(&context);
  }
  llvm_unreachable("every dtype has an element type");
}

namespace {

/// Declares parameters at the start of a module as they are asked for, each once.
class ParameterDeclarations {
public:
  /// `describe` gives the element type and source name of a canonical name and logical shape, or
  /// nothing after a diagnostic.
  struct Description {
    Type element;
    std::string source;
  };
  using Describe =
      std::function<std::optional<Description>(StringRef name, ArrayRef<int64_t> shape)>;

  ParameterDeclarations(ModuleOp module, Describe describe)
      : builder(module.getContext()), module(module), describe(describe) {}

  Parameter operator()(StringRef name, ArrayRef<int64_t> shape) {
    dialect::ParameterOp &op = declared[name];
    if (op)
      return {op};
    std::optional<Description> description = describe(name, shape);
    if (!description)
      return {nullptr};
    StringAttr source =
        description->source == name ? StringAttr() : builder.getStringAttr(description->source);
    if (last)
      builder.setInsertionPointAfter(last);
    else
      builder.setInsertionPointToStart(module.getBody());
    op = dialect::ParameterOp::create(builder, NameLoc::get(builder.getStringAttr(name)), name,
                                      RankedTensorType::get(shape, description->element), source,
                                      /*recipe=*/nullptr, /*encoding=*/nullptr);
    last = op;
    return {op};
  }

private:
  OpBuilder builder;
  ModuleOp module;
  Describe describe;
  dialect::ParameterOp last; // the next one goes behind it
  llvm::StringMap<dialect::ParameterOp> declared;
};

/// True when the stored shape is `shape`, or flattens to it behind the first dimension (a
/// convolution kernel).
bool isStoredAs(ArrayRef<int64_t> stored, ArrayRef<int64_t> shape) {
  if (stored == shape)
    return true;
  return shape.size() == 2 && stored.size() > 2 && stored[0] == shape[0] &&
         llvm::product_of(stored.drop_front()) == shape[1];
}

OwningOpRef<ModuleOp> traceBoth(MLIRContext &context, const ModelConfig &config,
                                const TraceOptions &options,
                                ParameterDeclarations::Describe describe) {
  context.loadDialect<dialect::QvlDialect, func::FuncDialect, arith::ArithDialect,
                      tensor::TensorDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context), "qwen2_5_vl");
  ParameterDeclarations parameters(*module, std::move(describe));
  LogicalResult vision = traceVision(*module, config.vision, options, parameters);
  LogicalResult language = traceLanguage(*module, config.text, options, parameters);
  if (failed(vision) || failed(language))
    return nullptr;
  return module;
}

} // namespace

OwningOpRef<ModuleOp> traceModel(MLIRContext &context, const ModelConfig &config,
                                 const Checkpoint &checkpoint, const TraceOptions &options) {
  auto describe =
      [&](StringRef name,
          ArrayRef<int64_t> shape) -> std::optional<ParameterDeclarations::Description> {
    Location loc = NameLoc::get(StringAttr::get(&context, name));
    const TensorInfo *info = checkpoint.find(name);
    if (!info) {
      emitError(loc) << checkpoint.directory() << ": tensor '" << name << "' is missing";
      return std::nullopt;
    }
    if (!isStoredAs(info->shape, shape)) {
      emitError(loc) << info->file << ": tensor '" << name << "' has shape "
                     << toString(info->shape) << ", expected " << toString(shape);
      return std::nullopt;
    }
    return ParameterDeclarations::Description{elementType(context, info->dtype), info->sourceName};
  };
  return traceBoth(context, config, options, describe);
}

OwningOpRef<ModuleOp> traceModel(MLIRContext &context, const ModelConfig &config, Type element,
                                 const TraceOptions &options) {
  auto describe = [&](StringRef name, ArrayRef<int64_t>) {
    return std::optional(ParameterDeclarations::Description{element, name.str()});
  };
  return traceBoth(context, config, options, describe);
}

} // namespace qvl::qwen2_5_vl
