// Package admission answers a Kubernetes API server that asks, by an
// AdmissionReview (admission.k8s.io/v1), whether a pod may be created or changed.
// The answer is kubepolicy's: a pod whose hints could not be honoured is refused
// with the words of the runtime, and with all of them at once.
//
// What pods are made of later, such as Deployments, is never refused: whatever
// changes pods as they are created may yet make them right. Their authors are
// warned.
//
// It links no Kubernetes package and no container engine.
package admission
