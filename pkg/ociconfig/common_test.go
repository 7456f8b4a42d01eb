package ociconfig

import "testing"

func TestCommonWordsAreLikeNoKnob(t *testing.T) {
	for word := range common {
		if k := like(word); k != "" {
			t.Errorf("%q is like %q", word, k)
		}
	}
}
