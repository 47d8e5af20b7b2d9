// An artifact opened, bound to a device and ready to answer.
#include "qvlrt/loaded_model.h"

#include "qvlrt/status.h"

#include <chrono>
#include <utility>

namespace qvlrt {

absl::StatusOr<LoadedModel> LoadedModel::open(const std::string &path,
                                              const ModelOptions &options) {
  const auto start = std::chrono::steady_clock::now();
  QVLRT_ASSIGN_OR_RETURN(std::unique_ptr<Module> module, Module::open(path));
  if (options.verifyWeights)
    QVLRT_RETURN_IF_ERROR(module->verifyWeights());
  QVLRT_ASSIGN_OR_RETURN(std::unique_ptr<Device> device, createDevice(options.device, *module));
  QVLRT_ASSIGN_OR_RETURN(Processor processor,
                         Processor::create(module->facts(), module->tokenizer()));
  QVLRT_ASSIGN_OR_RETURN(std::unique_ptr<Session> session,
                         Session::create(*module, *device, options.session));
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  return LoadedModel{std::move(module), std::move(device), std::move(processor), std::move(session),
                     took.count()};
}

} // namespace qvlrt
