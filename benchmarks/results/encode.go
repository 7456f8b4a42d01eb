package results

import (
	"bytes"
	"encoding/json"
)

// encode returns indented JSON in which each element of the long lists has a
// line to itself, so that a diff of two runs can be read.
func (r *Results) encode() ([]byte, error) {
	short := *r
	short.Series, short.Policy = nil, nil
	head, err := json.MarshalIndent(&short, "", "  ")
	if err != nil {
		return nil, err
	}
	head = bytes.Replace(head, []byte("\"series\": null"), []byte("\"series\": ["), 1)
	var b bytes.Buffer
	b.Write(bytes.TrimSuffix(head, []byte("\n}")))
	if err := lines(&b, r.Series); err != nil {
		return nil, err
	}
	if len(r.Policy) > 0 {
		b.WriteString(",\n  \"policy\": [")
		if err := lines(&b, r.Policy); err != nil {
			return nil, err
		}
	}
	b.WriteString("\n}\n")
	return b.Bytes(), nil
}

// lines writes the rest of an array, one element a line.
func lines[T any](b *bytes.Buffer, list []T) error {
	for i, e := range list {
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n    ")
		b.Write(data)
	}
	b.WriteString("\n  ]")
	return nil
}
