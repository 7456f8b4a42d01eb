package kubepolicy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Pod is what matters here of a Kubernetes Pod.
type Pod struct {
	annotations map[string]string

	// known is set if the volumes and containers are known and not the
	// annotations alone.
	known      bool
	volumes    []volume
	containers []container
}

type container struct {
	Name         string        `json:"name"`
	VolumeMounts []volumeMount `json:"volumeMounts"`

	// RestartPolicy is Always for an init container that is a sidecar.
	RestartPolicy string `json:"restartPolicy"`

	// ends is set for an init container that has ended when the next starts.
	ends bool
}

type volumeMount struct {
	Name        string `json:"name"`
	MountPath   string `json:"mountPath"`
	ReadOnly    bool   `json:"readOnly"`
	SubPath     string `json:"subPath"`
	SubPathExpr string `json:"subPathExpr"`
}

func (vm volumeMount) hasSubPath() bool { return vm.SubPath != "" || vm.SubPathExpr != "" }

// volume has the kinds of volumes that the shim does not treat like all
// others.
type volume struct {
	Name     string    `json:"name"`
	EmptyDir *struct{} `json:"emptyDir"`
	HostPath *struct {
		Path string `json:"path"`
	} `json:"hostPath"`
	Claim     *struct{} `json:"persistentVolumeClaim"`
	Ephemeral *struct{} `json:"ephemeral"`
	CSI       *struct{} `json:"csi"`
}

// claimed reports whether a PersistentVolume is behind the volume. The kubelet
// calls its directory by the PersistentVolume's name.
func (v volume) claimed() bool { return v.Claim != nil || v.Ephemeral != nil }

// claims reports whether a PersistentVolume is behind any volume.
func (p Pod) claims() bool { return slices.ContainsFunc(p.volumes, volume.claimed) }

// ErrNotAPod: the input is neither a Pod nor its annotations.
var ErrNotAPod = errors.New("neither a Pod nor an object of annotations")

// ParsePod reads the JSON of a Pod, as kubectl get pod -o json prints it,
// or of its annotations alone: an object whose values are strings.
func ParsePod(b []byte) (Pod, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return Pod{}, fmt.Errorf("%w: %w; give the JSON of either", ErrNotAPod, err)
	}
	if _, ok := fields["metadata"]; ok {
		return parsePodObject(b)
	}
	p := Pod{annotations: map[string]string{}}
	if err := json.Unmarshal(b, &p.annotations); err != nil {
		return Pod{}, fmt.Errorf("%w: %w; an annotation's value is a string: put numbers and booleans in quotes", ErrNotAPod, err)
	}
	return p, nil
}

func parsePodObject(b []byte) (Pod, error) {
	var pod struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
		Spec *struct {
			Volumes        []volume    `json:"volumes"`
			InitContainers []container `json:"initContainers"`
			Containers     []container `json:"containers"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(b, &pod); err != nil {
		return Pod{}, fmt.Errorf("%w: %w; compare it with what kubectl get pod -o json prints", ErrNotAPod, err)
	}
	if pod.Kind != "" && pod.Kind != "Pod" {
		return Pod{}, fmt.Errorf("%w: kind=%q; allowed: Pod; give one pod, such as the output of kubectl get pod NAME -o json", ErrNotAPod, pod.Kind)
	}
	p := Pod{annotations: pod.Metadata.Annotations}
	if pod.Spec != nil {
		p.known = true
		p.volumes = pod.Spec.Volumes
		for _, c := range pod.Spec.InitContainers {
			c.ends = c.RestartPolicy != "Always"
			p.containers = append(p.containers, c)
		}
		p.containers = append(p.containers, pod.Spec.Containers...)
	}
	return p, nil
}

func (p Pod) volumeOf(name string) (volume, bool) {
	i := slices.IndexFunc(p.volumes, func(v volume) bool { return v.Name == name })
	if i < 0 {
		return volume{}, false
	}
	return p.volumes[i], true
}
