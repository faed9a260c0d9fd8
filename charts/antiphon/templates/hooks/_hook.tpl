{{/* Annotations of an object that lives for one hook. Takes (list hook weight). */}}
{{- define "antiphon.hookAnnotations" -}}
helm.sh/hook: {{ index . 0 }}
helm.sh/hook-weight: {{ index . 1 | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* Service account and scripts of one hook. Takes (list root hook name files). */}}
{{- define "antiphon.hookBase" -}}
{{- $root := index . 0 -}}
{{- $annotations := include "antiphon.hookAnnotations" (list (index . 1) "-10") -}}
{{- $name := index . 2 -}}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "antiphon.labels" (list $root "hook") | nindent 4 }}
  annotations:
    {{- $annotations | nindent 4 }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "antiphon.labels" (list $root "hook") | nindent 4 }}
  annotations:
    {{- $annotations | nindent 4 }}
data:
  {{- range list "api.py" (index . 3) }}
  {{ . }}: |
    {{- $root.Files.Get (printf "files/%s" .) | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* A role of one hook and its binding, in a namespace or (none given) in the cluster. Takes (list root hook account namespace rules), and a suffix of their name. */}}
{{- define "antiphon.hookGrant" -}}
{{- $root := index . 0 -}}
{{- $annotations := include "antiphon.hookAnnotations" (list (index . 1) "-5") -}}
{{- $account := index . 2 -}}
{{- $namespace := index . 3 -}}
{{- $kind := ternary "Role" "ClusterRole" (ne $namespace "") -}}
{{- $suffix := ternary (last .) "" (gt (len .) 5) -}}
{{- $name := ternary (print $account $suffix) (printf "%s-%s" $account $root.Release.Namespace) (ne $namespace "") -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "antiphon.labels" (list $root "hook") | nindent 4 }}
  annotations:
    {{- $annotations | nindent 4 }}
rules:
  {{- index . 4 | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "antiphon.labels" (list $root "hook") | nindent 4 }}
  annotations:
    {{- $annotations | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $kind }}
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $account }}
    namespace: {{ $root.Release.Namespace }}
{{- end -}}

{{/* Specification of a pod that runs one script. Takes (list root name arguments). */}}
{{- define "antiphon.hookPod" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
serviceAccountName: {{ $name }}
restartPolicy: Never
securityContext:
  {{- include "antiphon.podSecurity" $root | nindent 2 }}
containers:
  - name: script
    image: {{ include "antiphon.image" (list $root $root.Values.image) }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    command: [python3, -B]
    args:
      {{- range index . 2 }}
      - {{ . | quote }}
      {{- end }}
    resources:
      requests: {cpu: 10m, memory: 32Mi}
      limits: {memory: 128Mi}
    securityContext:
      {{- include "antiphon.containerSecurity" $root | nindent 6 }}
    terminationMessagePolicy: FallbackToLogsOnError
    volumeMounts:
      - name: scripts
        mountPath: /scripts
        readOnly: true
volumes:
  - name: scripts
    configMap:
      name: {{ $name }}
{{- with include "antiphon.placement" (list $root $root.Values.operator) | trim }}
{{- . | nindent 0 }}
{{- end }}
{{- end -}}
