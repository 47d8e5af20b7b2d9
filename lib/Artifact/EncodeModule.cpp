// The qvlx module of a target as the tables of an artifact.

#include "qvl/Artifact/EncodeModule.h"

#include "EncodeRecipe.h"
#include "ProgramEncoder.h"

#include "dialects/qvl/IR/Qvl.h"

using namespace mlir;
namespace dialect = mlir::qvl;

namespace qvl {

static FailureOr<qvlfmt::Encoding> encodeEncoding(qvlx::DataOp data) {
  ArrayRef<int64_t> shape = data.getBufferType().getShape();
  if (auto panel = dyn_cast<dialect::PanelAttr>(data.getEncoding())) {
    FailureOr<qvlfmt::ElementType> element = encodeElement(data, panel.getElement());
    if (failed(element))
      return failure();
    return qvlfmt::Encoding(panel.getN(), panel.getKGroup(), panel.getPadN(), panel.getPadK(),
                            *element);
  }
  if (auto flat = dyn_cast<dialect::FlatAttr>(data.getEncoding())) {
    FailureOr<qvlfmt::ElementType> element = encodeElement(data, flat.getElement());
    if (failed(element))
      return failure();
    return qvlfmt::Encoding(0, 1, shape.front(), 1, *element);
  }
  return data.emitError() << "encoding " << data.getEncoding()
                          << " cannot be stored in an artifact";
}

static int64_t interleaveOf(qvlx::DataOp data) {
  auto panel = dyn_cast<dialect::PanelAttr>(data.getEncoding());
  return panel ? panel.getInterleave() : 0;
}

static FailureOr<std::optional<Recipe>> recipeOf(qvlx::DataOp data) {
  if (!data.getRecipe())
    return std::optional<Recipe>();
  auto recipe = dyn_cast<dialect::RecipeAttrInterface>(*data.getRecipe());
  auto type =
      RankedTensorType::get(data.getBufferType().getShape(), data.getBufferType().getElement());
  if (!recipe || failed(verifyRecipe([&] { return data.emitError(); }, recipe, type)))
    return data.emitError() << "recipe " << *data.getRecipe() << " does not make " << type;
  FailureOr<Recipe> encoded = encodeRecipe(data, {recipe, type});
  if (failed(encoded))
    return failure();
  return std::optional<Recipe>(std::move(*encoded));
}

static FailureOr<DeclaredWeight> declaredWeight(qvlx::DataOp data) {
  FailureOr<qvlfmt::Encoding> encoding = encodeEncoding(data);
  if (failed(encoding))
    return failure();
  auto sources = llvm::map_to_vector(data.getSources().getAsValueRange<StringAttr>(),
                                     [](StringRef name) { return name.str(); });
  FailureOr<std::optional<Recipe>> recipe = recipeOf(data);
  if (failed(recipe))
    return failure();
  return DeclaredWeight{data.getSymName().str(),
                        data.getBufferType().getShape().vec(),
                        *encoding,
                        {sources.begin(), sources.end()},
                        std::move(*recipe),
                        interleaveOf(data)};
}

LogicalResult WeightTable::add(ModuleOp module) {
  for (auto data : module.getOps<qvlx::DataOp>()) {
    auto [known, isNew] = numberOf.try_emplace(data.getSymName(), entries.size());
    if (isNew)
      entries.push_back(data);
    else if (entries[known->second]->getAttrDictionary() != data->getAttrDictionary())
      return data.emitError() << "targets store weight '" << data.getSymName()
                              << "' in different forms";
  }
  return success();
}

FailureOr<std::vector<DeclaredWeight>> WeightTable::declared() const {
  std::vector<DeclaredWeight> weights;
  for (qvlx::DataOp data : entries) {
    FailureOr<DeclaredWeight> weight = declaredWeight(data);
    if (failed(weight))
      return failure();
    weights.push_back(std::move(*weight));
  }
  return weights;
}

/// Objects best first, which is the order in which a kernel lists its variants.
static SmallVector<qvlx::ObjectOp> objectsBestFirst(ModuleOp module) {
  SmallVector<qvlx::ObjectOp> objects(module.getOps<qvlx::ObjectOp>());
  std::reverse(objects.begin(), objects.end());
  return objects;
}

static std::unique_ptr<qvlfmt::CodeObjectT> encodeObject(qvlx::ObjectOp object) {
  auto code = std::make_unique<qvlfmt::CodeObjectT>();
  code->feature_set = object.getFeatureSet().str();
  auto bytes = cast<DenseElementsAttr>(object.getBytes());
  ArrayRef<char> raw = bytes.getRawData();
  code->bytes.assign(raw.begin(), raw.end());
  return code;
}

static FailureOr<std::unique_ptr<qvlfmt::TensorMapT>> encodeMap(qvlx::ObjectOp object,
                                                                qvlx::TensorMapAttr attribute) {
  FailureOr<qvlfmt::ElementType> element = encodeElement(object, attribute.getElement());
  if (failed(element))
    return failure();
  auto map = std::make_unique<qvlfmt::TensorMapT>();
  map->buffer = attribute.getBuffer();
  map->element = *element;
  map->sizes.assign(attribute.getSizes().asArrayRef().begin(),
                    attribute.getSizes().asArrayRef().end());
  map->scalar = attribute.getScalar();
  map->box.assign(attribute.getBox().asArrayRef().begin(), attribute.getBox().asArrayRef().end());
  map->swizzle = attribute.getSwizzle();
  return map;
}

static FailureOr<std::unique_ptr<qvlfmt::WideFormT>>
encodeWideForm(qvlx::ObjectOp object, qvlx::WideFormAttr attribute, uint32_t number) {
  auto form = std::make_unique<qvlfmt::WideFormT>();
  form->object = number;
  form->symbol = attribute.getSymbol().str();
  form->least_tiles = attribute.getLeastTiles();
  form->shared_bytes = attribute.getShared();
  for (auto map : attribute.getMaps().getAsRange<qvlx::TensorMapAttr>()) {
    FailureOr<std::unique_ptr<qvlfmt::TensorMapT>> encoded = encodeMap(object, map);
    if (failed(encoded))
      return failure();
    form->maps.push_back(std::move(*encoded));
  }
  return form;
}

/// Adds an object and the forms of kernels that it has.
static LogicalResult addObject(qvlfmt::TargetT &target, qvlx::ObjectOp object,
                               const llvm::StringMap<uint32_t> &kernels) {
  uint32_t number = target.objects.size();
  for (FlatSymbolRefAttr symbol : object.getKernels().getAsRange<FlatSymbolRefAttr>())
    target.kernels[kernels.lookup(symbol.getValue())]->variants.emplace_back(number);
  if (std::optional<ArrayAttr> wide = object.getWide())
    for (auto form : wide->getAsRange<qvlx::WideFormAttr>()) {
      FailureOr<std::unique_ptr<qvlfmt::WideFormT>> encoded = encodeWideForm(object, form, number);
      if (failed(encoded))
        return failure();
      target.kernels[kernels.lookup(form.getKernel().getValue())]->wide.push_back(
          std::move(*encoded));
    }
  target.objects.push_back(encodeObject(object));
  return success();
}

FailureOr<qvlfmt::TargetT> encodeTarget(ModuleOp module, const TargetDescription &description,
                                        const WeightTable &weights) {
  qvlfmt::TargetT target;
  target.name = description.name.str();
  target.precision = description.precision.str();
  target.kv_element = description.kvElement;
  llvm::StringMap<uint32_t> kernels;
  for (auto kernel : module.getOps<qvlx::KernelOp>()) {
    kernels[kernel.getSymName()] = target.kernels.size();
    auto entry = std::make_unique<qvlfmt::KernelT>();
    entry->name = kernel.getSymName().str();
    entry->buffer_count = kernel.getBuffers();
    entry->scalar_count = kernel.getScalars();
    entry->scratch_bytes = kernel.getScratch();
    target.kernels.push_back(std::move(entry));
  }
  for (qvlx::ObjectOp object : objectsBestFirst(module))
    if (failed(addObject(target, object, kernels)))
      return failure();
  for (auto [number, kernel] : llvm::enumerate(module.getOps<qvlx::KernelOp>()))
    if (target.kernels[number]->variants.empty())
      return kernel.emitError() << "has not been compiled; run a codegen pass before";
  for (auto program : module.getOps<qvlx::ProgramOp>()) {
    FailureOr<std::unique_ptr<qvlfmt::ProgramT>> encoded =
        ProgramEncoder(kernels, weights.numbers()).encode(program);
    if (failed(encoded))
      return failure();
    target.programs.push_back(std::move(*encoded));
  }
  return target;
}

} // namespace qvl
