package kubepolicy

import "fmt"

// What a pod costs to check grows with the number of its annotations and mounts
// for each container, and with that of pairs of containers. No pod of a cluster
// that works comes near these limits, and a node runs none that does.
const (
	// maxContainers are the containers of a pod, of any kind.
	maxContainers = 500

	// maxWork are annotations times containers, plus mounts.
	maxWork = 200_000

	// maxPairs are the mounts of pairs of containers that are compared because of
	// cache=exclusive.
	maxPairs = 20_000
)

// tooMuch refuses a pod that would take long to check. Whoever writes pods may
// not stop the checks of others.
func (p Pod) tooMuch() (Finding, bool) {
	mounts := 0
	for _, c := range p.containers {
		mounts += len(c.VolumeMounts)
	}
	containers := len(p.containers)
	if containers <= maxContainers && len(p.annotations)*(containers+1)+mounts <= maxWork {
		return Finding{}, false
	}
	return Finding{Refused, fmt.Sprintf("pod: too large to check: %d containers, %d annotations, %d mounts; "+
		"allowed: %d containers, and %d for annotations times containers plus mounts; split the pod", containers, len(p.annotations), mounts, maxContainers, maxWork)}, true
}
