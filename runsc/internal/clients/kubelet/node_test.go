package kubelet

import "testing"

func TestNode(t *testing.T) {
	n := Start(t, nil)
	for name, test := range map[string]func(*testing.T, *Node){
		"Verdicts": verdicts, "Narrow": narrow,
	} {
		t.Run(name, func(t *testing.T) { test(t, n) })
	}
}
