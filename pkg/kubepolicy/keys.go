package kubepolicy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// maxKey is how long the key of an annotation can be that has no slash.
const maxKey = 63

// annotationKey is what a key without a slash can be made of
// (k8s.io/apimachinery/pkg/util/validation, IsQualifiedName).
var annotationKey = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`)

// passed is the pod with the annotations that reach the runtime, and what is to
// say of others that are meant for it. A hint that does not reach it would not
// count, and nobody would say so.
func (p Pod) passed() (Pod, []Finding) {
	var lost []Finding
	for _, key := range slices.Sorted(maps.Keys(p.annotations)) {
		if !strings.HasPrefix(key, "dev.gvisor.") {
			continue
		}
		text := ""
		switch {
		case strings.Contains(key, "/"):
			text = "containerd's pattern dev.gvisor.* matches no slash, so the hint would not count; write a key without one"
		case len(key) > maxKey:
			text = fmt.Sprintf("Kubernetes refuses a key of %d characters; allowed: %d; give the volume a shorter name", len(key), maxKey)
		case !annotationKey.MatchString(key):
			text = "Kubernetes refuses the key; allowed: letters, digits, '-', '_' and '.', the first and the last a letter or digit; write the name of a volume"
		default:
			continue
		}
		lost = append(lost, Finding{Refused, fmt.Sprintf("pod: %s=%q: %s", key, p.annotations[key], text)})
	}
	if lost != nil {
		p.annotations = maps.Clone(p.annotations)
		maps.DeleteFunc(p.annotations, func(key, _ string) bool {
			return strings.HasPrefix(key, "dev.gvisor.") && (len(key) > maxKey || !annotationKey.MatchString(key))
		})
	}
	return p, lost
}
