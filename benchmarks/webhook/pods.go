// Package webhook measures how long "runsc webhook" takes to answer.
package webhook

import (
	"fmt"
	"strings"

	"github.com/directfs/runsc/pkg/ociconfig"
)

// Pod is a kind of review, and how many of a hundred are of it.
type Pod struct {
	Name  string
	Share int
	Body  []byte
}

// Pods are the reviews that are sent. Most pods of a cluster are small and have no
// hint; a review has what the API server adds, such as managedFields.
func Pods() []Pod {
	return []Pod{
		{"1 container, no hint", 50, review(spec{containers: 1, volumes: 2})},
		{"3 containers, 2 hints", 35, review(spec{containers: 3, volumes: 5, hints: 2})},
		{"10 containers, 10 hints", 10, review(spec{containers: 10, volumes: 20, hints: 10})},
		{"3 containers, 2 hints, refused", 5, review(spec{containers: 3, volumes: 5, hints: 2, wrong: true})},
	}
}

type spec struct {
	containers, volumes, hints int
	wrong                      bool
}

func review(s spec) []byte {
	var notes, volumes, containers, env, mounts []string
	value := "off"
	if s.wrong {
		value = "of"
	}
	for i := range s.volumes {
		volumes = append(volumes, fmt.Sprintf(`{"name":"volume-%d","configMap":{"name":"configuration-%d","defaultMode":420}}`, i, i))
		mounts = append(mounts, fmt.Sprintf(`{"name":"volume-%d","mountPath":"/etc/volumes/%d","readOnly":true}`, i, i))
		if volume := fmt.Sprintf("volume-%d", i); i < s.hints {
			notes = append(notes, fmt.Sprintf(`%q:"bind",%q:%q`, ociconfig.MountKey(volume, "type"), ociconfig.MountKey(volume, "directfs"), value))
		}
	}
	for i := range 10 {
		env = append(env, fmt.Sprintf(`{"name":"VARIABLE_%d","value":"some value of a variable"}`, i))
	}
	for i := range s.containers {
		containers = append(containers, fmt.Sprintf(`{"name":"container-%d","image":"registry.example/team/application:v1.2.3","command":["/bin/application","--serve"],"env":[%s],
			"resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"100m","memory":"128Mi"}},"volumeMounts":[%s],
			"livenessProbe":{"httpGet":{"path":"/healthz","port":8080,"scheme":"HTTP"},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3},
			"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}`, i, strings.Join(env, ","), strings.Join(mounts, ",")))
	}
	return fmt.Appendf(nil, `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002",
		"kind":{"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},"requestKind":{"group":"","version":"v1","kind":"Pod"},
		"name":"","namespace":"team","operation":"CREATE","userInfo":{"username":"system:serviceaccount:kube-system:replicaset-controller","groups":["system:serviceaccounts","system:authenticated"]},
		"object":{"kind":"Pod","apiVersion":"v1","metadata":{"generateName":"application-5d4f8c7b9c-","namespace":"team","labels":{"app":"application"},"annotations":{%s},
			"managedFields":[{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{%s}}}]},
		"spec":{"runtimeClassName":"runsc","volumes":[%s],"containers":[%s],"restartPolicy":"Always","dnsPolicy":"ClusterFirst","serviceAccountName":"default","schedulerName":"default-scheduler"}},
		"oldObject":null,"dryRun":false,"options":{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1"}}}`,
		strings.Join(notes, ","), fields(s.containers), strings.Join(volumes, ","), strings.Join(containers, ","))
}

// fields are those that managedFields has for containers.
func fields(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"k:{\"name\":\"container-%d\"}":{".":{},"f:image":{},"f:env":{},"f:resources":{},"f:volumeMounts":{}}`, i))
	}
	return strings.Join(all, ",")
}
