package kubepolicy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"reflect"
	"slices"
)

// Pod is what matters here of a Kubernetes Pod.
type Pod struct {
	meta metadata

	annotations map[string]string

	// known is set if the volumes and containers are known and not the
	// annotations alone.
	known        bool
	runtimeClass string
	node         string // that it is bound to; its sandbox may be there already
	volumes      map[string]volume
	mounted      map[string]bool // by some container; of others there is nothing on the node
	claims       bool            // whether a PersistentVolume is behind one of them
	containers   []container

	// subPaths are the sources of mounts with a subPath, and what of the node
	// is there.
	subPaths map[string]string
}

// metadata is what is read of a Pod's besides its annotations.
type metadata struct {
	Name              string `json:"name"`
	GenerateName      string `json:"generateName"`
	DeletionTimestamp string `json:"deletionTimestamp"`
}

// Name is the pod's name, or what one is to be generated from.
func (p Pod) Name() string { return cmp.Or(p.meta.Name, p.meta.GenerateName) }

// Deleted reports whether the pod is on its way out.
func (p Pod) Deleted() bool { return p.meta.DeletionTimestamp != "" }

// HasSpec reports whether more is known than annotations.
func (p Pod) HasSpec() bool { return p.known }

// RuntimeClass is the name of the pod's RuntimeClass; empty if it has none, or
// if only its annotations are known.
func (p Pod) RuntimeClass() string { return p.runtimeClass }

type container struct {
	Name         string        `json:"name"`
	VolumeMounts []volumeMount `json:"volumeMounts"`

	// RestartPolicy is Always for an init container that is a sidecar.
	RestartPolicy string `json:"restartPolicy"`

	SecurityContext struct {
		ReadOnlyRootFilesystem bool `json:"readOnlyRootFilesystem"`
	} `json:"securityContext"`

	// ends is set for an init container that has ended when the next starts.
	ends bool
}

// mounts reports whether the container has a volume there.
func (c container) mounts(destination string) bool {
	return slices.ContainsFunc(c.VolumeMounts, func(vm volumeMount) bool { return path.Clean("/"+vm.MountPath) == destination })
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
	Image     *struct{} `json:"image"`
}

// claimed reports whether a PersistentVolume is behind the volume. The kubelet
// calls its directory by the PersistentVolume's name.
func (v volume) claimed() bool { return v.Claim != nil || v.Ephemeral != nil }

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
		return ParsePodObject(b)
	}
	p := Pod{annotations: map[string]string{}}
	if err := json.Unmarshal(b, &p.annotations); err != nil {
		return Pod{}, fmt.Errorf("%w: %w; an annotation's value is a string: put numbers and booleans in quotes", ErrNotAPod, err)
	}
	return p, nil
}

// ParsePodObject reads the JSON of a Pod, or of the template of one.
func ParsePodObject(b []byte) (Pod, error) {
	var pod struct {
		Kind     string `json:"kind"`
		Metadata struct {
			metadata
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
		Spec *podSpec `json:"spec"`
	}
	if err := json.Unmarshal(b, &pod); err != nil {
		return Pod{}, fmt.Errorf("%w: %w; compare it with what kubectl get pod -o json prints", ErrNotAPod, err)
	}
	if pod.Kind != "" && pod.Kind != "Pod" {
		return Pod{}, fmt.Errorf("%w: kind=%q; allowed: Pod; give one pod, such as the output of kubectl get pod NAME -o json", ErrNotAPod, pod.Kind)
	}
	p := Pod{meta: pod.Metadata.metadata, annotations: pod.Metadata.Annotations}
	if pod.Spec != nil {
		p.learn(*pod.Spec)
	}
	return p, nil
}

// podSpec is what is read of a Pod's spec.
type podSpec struct {
	RuntimeClassName    string      `json:"runtimeClassName"`
	NodeName            string      `json:"nodeName"`
	Volumes             []volume    `json:"volumes"`
	InitContainers      []container `json:"initContainers"`
	Containers          []container `json:"containers"`
	EphemeralContainers []container `json:"ephemeralContainers"`
}

func (p *Pod) learn(s podSpec) {
	p.known, p.runtimeClass, p.node = true, s.RuntimeClassName, s.NodeName
	p.volumes = map[string]volume{}
	for _, v := range s.Volumes {
		if _, twice := p.volumes[v.Name]; !twice {
			p.volumes[v.Name] = v
		}
		p.claims = p.claims || v.claimed()
	}
	for _, c := range s.InitContainers {
		c.ends = c.RestartPolicy != "Always"
		p.containers = append(p.containers, c)
	}
	p.containers = append(p.containers, s.Containers...)
	p.containers = append(p.containers, s.EphemeralContainers...)
	p.mounted, p.subPaths = map[string]bool{}, map[string]string{}
	for _, c := range p.containers {
		for i, vm := range c.VolumeMounts {
			p.mounted[vm.Name] = true
			if vm.hasSubPath() {
				// What an expression becomes is not known; it is in the volume.
				p.subPaths[subPathSource(c, i)] = path.Join(p.mountSource(vm.Name), "/"+vm.SubPath+vm.SubPathExpr)
			}
		}
	}
}

func (p Pod) volumeOf(name string) (volume, bool) {
	v, ok := p.volumes[name]
	return v, ok
}

// Equal reports whether the two are the same in all that is read here, so that
// what becomes of one becomes of the other.
func (p Pod) Equal(q Pod) bool { return reflect.DeepEqual(p, q) }
