// One qvlx program as the tables of an artifact.

#include "ProgramEncoder.h"

#include "mlir/IR/Location.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace qvl {

/// Marks a transient buffer that no command has touched yet.
static constexpr uint32_t kUntouched = UINT32_MAX;

FailureOr<qvlfmt::ElementType> encodeElement(Operation *op, Type type) {
  if (type.isF32())
    return qvlfmt::ElementType::F32;
  if (type.isBF16())
    return qvlfmt::ElementType::BF16;
  if (type.isF16())
    return qvlfmt::ElementType::F16;
  if (type.isInteger(32))
    return qvlfmt::ElementType::I32;
  if (type.isInteger(64))
    return qvlfmt::ElementType::I64;
  if (type.isInteger(8))
    return qvlfmt::ElementType::U8;
  return op->emitError() << "artifacts have no element type " << type;
}

/// The module path of a traced op: the outermost name of its location.
static std::string labelOf(Operation *op) {
  std::string label;
  op->getLoc()->walk([&](Location loc) {
    auto named = dyn_cast<NameLoc>(loc);
    if (!named)
      return WalkResult::advance();
    label = named.getName().str();
    return WalkResult::interrupt();
  });
  return label;
}

FailureOr<std::unique_ptr<qvlfmt::ProgramT>> ProgramEncoder::encode(qvlx::ProgramOp program) {
  table = std::make_unique<qvlfmt::ProgramT>();
  table->name = program.getSymName().str();
  for (StringRef name : program.getResultNames().getAsValueRange<StringAttr>())
    table->result_names.push_back(name.str());
  if (failed(encodeArguments(program)))
    return failure();
  for (Operation &op : program.getBody().front())
    if (failed(encodeOp(&op)))
      return failure();
  // A buffer that nothing touches needs no memory of its own beside others'.
  for (auto &buffer : table->buffers)
    if (buffer->first_command == kUntouched)
      buffer->first_command = buffer->last_command = 0;
  return std::move(table);
}

LogicalResult ProgramEncoder::encodeArguments(qvlx::ProgramOp program) {
  auto names = program.getArgumentNames().getAsValueRange<StringAttr>();
  for (auto [argument, name] : llvm::zip(program.getBody().getArguments(), names)) {
    auto type = cast<qvlx::BufferType>(argument.getType());
    // Dynamic dimensions of arguments are sizes of their own.
    uint32_t number = argument.getArgNumber();
    std::vector<uint32_t> dims;
    for (int64_t dimension = 0; dimension < type.getRank(); ++dimension)
      dims.push_back(type.isDynamicDim(dimension)
                         ? addSize(qvlfmt::SizeOp::Dim, number, dimension, 0)
                         : constantSize(type.getShape()[dimension]));
    FailureOr<qvlfmt::ElementType> element = encodeElement(program, type.getElement());
    if (failed(element))
      return failure();
    auto buffer = std::make_unique<qvlfmt::BufferT>();
    buffer->kind = qvlfmt::BufferKind::Argument;
    buffer->element = *element;
    buffer->dims = std::move(dims);
    buffer->name = name.str();
    buffer->index = number;
    buffers[argument] = table->buffers.size();
    table->arguments.push_back(table->buffers.size());
    table->buffers.push_back(std::move(buffer));
  }
  return success();
}

uint32_t ProgramEncoder::addSize(qvlfmt::SizeOp kind, uint32_t lhs, uint32_t rhs, int64_t value) {
  table->sizes.emplace_back(kind, lhs, rhs, value);
  return table->sizes.size() - 1;
}

uint32_t ProgramEncoder::constantSize(int64_t value) {
  auto [entry, isNew] = constants.try_emplace(value, 0);
  if (isNew)
    entry->second = addSize(qvlfmt::SizeOp::Constant, 0, 0, value);
  return entry->second;
}

FailureOr<qvlfmt::BufferT *>
ProgramEncoder::addBuffer(Operation *op, Value value, qvlfmt::BufferKind kind, ValueRange dynamic) {
  auto type = cast<qvlx::BufferType>(value.getType());
  FailureOr<qvlfmt::ElementType> element = encodeElement(op, type.getElement());
  if (failed(element))
    return failure();
  auto buffer = std::make_unique<qvlfmt::BufferT>();
  buffer->kind = kind;
  buffer->element = *element;
  if (kind == qvlfmt::BufferKind::Transient)
    buffer->first_command = buffer->last_command = kUntouched;
  size_t used = 0;
  for (int64_t size : type.getShape())
    buffer->dims.push_back(ShapedType::isDynamic(size) ? sizes.lookup(dynamic[used++])
                                                       : constantSize(size));
  buffers[value] = table->buffers.size();
  table->buffers.push_back(std::move(buffer));
  return table->buffers.back().get();
}

qvlfmt::CommandT &ProgramEncoder::addCommand(Operation *op, qvlfmt::CommandKind kind) {
  auto command = std::make_unique<qvlfmt::CommandT>();
  command->kind = kind;
  command->label = labelOf(op);
  table->commands.push_back(std::move(command));
  return *table->commands.back();
}

void ProgramEncoder::touch(uint32_t number, uint32_t command) {
  qvlfmt::BufferT &buffer = *table->buffers[number];
  if (buffer.kind == qvlfmt::BufferKind::View)
    return touch(buffer.index, command);
  if (buffer.kind != qvlfmt::BufferKind::Transient)
    return;
  if (buffer.first_command == kUntouched)
    buffer.first_command = command;
  buffer.last_command = command;
}

uint32_t ProgramEncoder::use(Value value) {
  uint32_t number = buffers.lookup(value);
  touch(number, table->commands.size() - 1);
  return number;
}

static std::optional<qvlfmt::SizeOp> binarySizeOp(Operation *op) {
  return TypeSwitch<Operation *, std::optional<qvlfmt::SizeOp>>(op)
      .Case<qvlx::AddOp>([](auto) { return qvlfmt::SizeOp::Add; })
      .Case<qvlx::SubOp>([](auto) { return qvlfmt::SizeOp::Sub; })
      .Case<qvlx::MulOp>([](auto) { return qvlfmt::SizeOp::Mul; })
      .Case<qvlx::FloorDivOp>([](auto) { return qvlfmt::SizeOp::FloorDiv; })
      .Case<qvlx::CeilDivOp>([](auto) { return qvlfmt::SizeOp::CeilDiv; })
      .Case<qvlx::MinOp>([](auto) { return qvlfmt::SizeOp::Min; })
      .Case<qvlx::MaxOp>([](auto) { return qvlfmt::SizeOp::Max; })
      .Default([](Operation *) { return std::nullopt; });
}

LogicalResult ProgramEncoder::encodeOp(Operation *op) {
  if (std::optional<qvlfmt::SizeOp> kind = binarySizeOp(op)) {
    sizes[op->getResult(0)] =
        addSize(*kind, sizes.lookup(op->getOperand(0)), sizes.lookup(op->getOperand(1)), 0);
    return success();
  }
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<qvlx::ConstantOp>([&](auto constant) {
        sizes[constant.getSize()] = constantSize(constant.getValue());
        return success();
      })
      .Case<qvlx::DimOp>([&](auto dim) {
        uint32_t argument = buffers.lookup(dim.getBuffer());
        sizes[dim.getSize()] = table->buffers[argument]->dims[dim.getDimension()];
        return success();
      })
      .Case<qvlx::AllocOp>([&](auto alloc) {
        return success(succeeded(
            addBuffer(op, alloc.getBuffer(), qvlfmt::BufferKind::Transient, alloc.getSizes())));
      })
      .Case<qvlx::WeightOp>([&](auto weight) {
        FailureOr<qvlfmt::BufferT *> buffer =
            addBuffer(op, weight.getBuffer(), qvlfmt::BufferKind::Weight, {});
        if (succeeded(buffer))
          (*buffer)->index = weights.lookup(weight.getData());
        return success(succeeded(buffer));
      })
      .Case<qvlx::ViewOp>([&](auto view) {
        FailureOr<qvlfmt::BufferT *> buffer =
            addBuffer(op, view.getBuffer(), qvlfmt::BufferKind::View, view.getSizes());
        if (succeeded(buffer))
          (*buffer)->index = buffers.lookup(view.getSource());
        return success(succeeded(buffer));
      })
      .Case<qvlx::LaunchOp>([&](auto launch) { return encodeLaunch(launch); })
      .Case<qvlx::FillOp>([&](auto fill) {
        qvlfmt::CommandT &command = addCommand(op, qvlfmt::CommandKind::Fill);
        command.fill = static_cast<uint8_t>(fill.getByte());
        command.buffers.push_back(use(fill.getBuffer()));
        return success();
      })
      .Case<qvlx::CopyOp>([&](auto copy) {
        qvlfmt::CommandT &command = addCommand(op, qvlfmt::CommandKind::Copy);
        command.buffers = {use(copy.getSource()), use(copy.getTarget())};
        return success();
      })
      .Case<qvlx::ReturnOp>([&](auto end) {
        encodeReturn(end);
        return success();
      })
      .Default(
          [](Operation *other) { return other->emitError() << "cannot be stored in an artifact"; });
}

LogicalResult ProgramEncoder::encodeLaunch(qvlx::LaunchOp op) {
  auto kernel = kernels.find(op.getKernel());
  if (kernel == kernels.end())
    return op.emitError() << "kernel '" << op.getKernel() << "' has not been compiled";
  qvlfmt::CommandT &command = addCommand(op, qvlfmt::CommandKind::Launch);
  command.kernel = kernel->second;
  command.grid = sizes.lookup(op.getGrid());
  command.outputs = op.getOutputs().size();
  for (Value buffer : op.getInputs())
    command.buffers.push_back(use(buffer));
  for (Value buffer : op.getOutputs())
    command.buffers.push_back(use(buffer));
  for (Value scalar : op.getScalars())
    command.scalars.push_back(sizes.lookup(scalar));
  return success();
}

void ProgramEncoder::encodeReturn(qvlx::ReturnOp op) {
  // Results are read after the last command.
  for (Value result : op.getResults()) {
    table->results.push_back(buffers.lookup(result));
    if (!table->commands.empty())
      touch(buffers.lookup(result), table->commands.size() - 1);
  }
}

} // namespace qvl
