package ociconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// KubePod is what matters here of a Kubernetes Pod.
type KubePod struct {
	annotations map[string]string

	// known is set if the volumes and containers are known and not the
	// annotations alone.
	known      bool
	volumes    []kubeVolume
	containers []kubeContainer
}

type kubeContainer struct {
	Name         string `json:"name"`
	VolumeMounts []struct {
		Name        string `json:"name"`
		MountPath   string `json:"mountPath"`
		ReadOnly    bool   `json:"readOnly"`
		SubPath     string `json:"subPath"`
		SubPathExpr string `json:"subPathExpr"`
	} `json:"volumeMounts"`

	// RestartPolicy is Always for an init container that is a sidecar.
	RestartPolicy string `json:"restartPolicy"`

	// ends is set for an init container that has ended when the next starts.
	ends bool
}

// kubeVolume has the kinds of volumes that the shim does not treat like all
// others.
type kubeVolume struct {
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
func (v kubeVolume) claimed() bool { return v.Claim != nil || v.Ephemeral != nil }

// ErrNotAPodObject: the input is neither a Pod nor its annotations.
var ErrNotAPodObject = errors.New("neither a Pod nor an object of annotations")

// ParseKubePod reads the JSON of a Pod, as kubectl get pod -o json prints it,
// or of its annotations alone: an object whose values are strings.
func ParseKubePod(b []byte) (KubePod, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return KubePod{}, fmt.Errorf("%w: %w; give the JSON of either", ErrNotAPodObject, err)
	}
	if _, ok := fields["metadata"]; ok {
		return parsePodObject(b)
	}
	p := KubePod{annotations: map[string]string{}}
	if err := json.Unmarshal(b, &p.annotations); err != nil {
		return KubePod{}, fmt.Errorf("%w: %w; an annotation's value is a string: put numbers and booleans in quotes", ErrNotAPodObject, err)
	}
	return p, nil
}

func parsePodObject(b []byte) (KubePod, error) {
	var pod struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
		Spec *struct {
			Volumes        []kubeVolume    `json:"volumes"`
			InitContainers []kubeContainer `json:"initContainers"`
			Containers     []kubeContainer `json:"containers"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(b, &pod); err != nil {
		return KubePod{}, fmt.Errorf("%w: %w; compare it with what kubectl get pod -o json prints", ErrNotAPodObject, err)
	}
	if pod.Kind != "" && pod.Kind != "Pod" {
		return KubePod{}, fmt.Errorf("%w: kind=%q; allowed: Pod; give one pod, such as the output of kubectl get pod NAME -o json", ErrNotAPodObject, pod.Kind)
	}
	p := KubePod{annotations: pod.Metadata.Annotations}
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

func (p KubePod) volume(name string) (kubeVolume, bool) {
	i := slices.IndexFunc(p.volumes, func(v kubeVolume) bool { return v.Name == name })
	if i < 0 {
		return kubeVolume{}, false
	}
	return p.volumes[i], true
}
