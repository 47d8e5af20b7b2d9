// The report of a deadlock.
#pragma once

namespace qvlsim {

class Cluster;

/// Records a fault of kind Deadlock that names what the cluster's warps wait for.
void reportDeadlock(Cluster &cluster);

} // namespace qvlsim
