{{/* The name of what belongs to this release, within its namespace. */}}
{{- define "antiphon.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The same for what has no namespace: two releases in two namespaces must not meet. */}}
{{- define "antiphon.clusterName" -}}
{{- printf "%s-%s" (include "antiphon.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/* Labels that selectors use; they never change. Takes (list root component). */}}
{{- define "antiphon.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of every object. Takes (list root component). */}}
{{- define "antiphon.labels" -}}
{{- $root := index . 0 -}}
{{ include "antiphon.selector" . }}
app.kubernetes.io/part-of: antiphon
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An image's reference; a digest wins over a tag, and the tag is the chart's by default. Takes (list root image). */}}
{{- define "antiphon.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- if $image.registry }}{{ $image.registry }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default $root.Chart.AppVersion $image.tag }}{{ end }}
{{- end -}}

{{- define "antiphon.certificateSecret" -}}
{{- if .Values.certificates.secretName -}}
{{ .Values.certificates.secretName }}
{{- else if eq .Values.certificates.mode "provided" -}}
{{ fail "certificates.mode is provided: certificates.secretName must name the Secret that holds tls.crt, tls.key and ca.crt" }}
{{- else -}}
{{ include "antiphon.fullname" . }}-webhook-tls
{{- end -}}
{{- end -}}

{{/* etcd as the operator and the sidecars reach it. */}}
{{- define "antiphon.etcd" -}}
{{- $external := .Values.etcd.external.endpoints -}}
{{- if and $external .Values.etcd.bundled.enabled -}}
{{- fail "etcd.external.endpoints and etcd.bundled.enabled exclude each other: set etcd.bundled.enabled=false" -}}
{{- else if $external -}}
{{- join "," $external -}}
{{- else if .Values.etcd.bundled.enabled -}}
http://{{ include "antiphon.fullname" . }}-etcd.{{ .Release.Namespace }}.svc:2379
{{- else -}}
{{- fail "no etcd: set etcd.bundled.enabled=true or etcd.external.endpoints" -}}
{{- end -}}
{{- end -}}

{{/* Flags that limit a process to some namespaces; none for the whole cluster. */}}
{{- define "antiphon.watchArguments" -}}
{{- range .Values.watchNamespaces }}
- --watch-namespace={{ . }}
{{- end }}
{{- end -}}

{{- define "antiphon.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "antiphon.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Replicas on nodes of their own where there are any. Takes (list root component). */}}
{{- define "antiphon.spread" -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "antiphon.selector" . | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end -}}

{{/* And in zones of their own. Not a second constraint: where nodes have no zone, that would switch off the first one. */}}
{{- define "antiphon.zones" -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: topology.kubernetes.io/zone
        labelSelector:
          matchLabels:
            {{- include "antiphon.selector" . | nindent 12 }}
{{- end -}}

{{/* What pods may be told. Takes (list root values), and a component for pods that keep apart from their like. */}}
{{- define "antiphon.placement" -}}
{{- $root := index . 0 -}}
{{- $values := index . 1 -}}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $values.affinity }}
affinity:
  {{- toYaml $values.affinity | nindent 2 }}
{{- else if gt (len .) 2 }}
affinity:
  {{- include "antiphon.zones" (list $root (index . 2)) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Where the API server finds the webhook. Takes (list root path). */}}
{{- define "antiphon.clientConfig" }}
{{- $root := index . 0 -}}
clientConfig:
  {{- /* Self-managed: the operator writes the bundle; a value here would be a second owner of the field. */}}
  {{- if eq $root.Values.certificates.mode "provided" }}
  caBundle: {{ $root.Values.certificates.caBundle | b64enc }}
  {{- end }}
  service:
    namespace: {{ $root.Release.Namespace }}
    name: {{ include "antiphon.fullname" $root }}-webhook
    port: 443
    path: {{ index . 1 }}
{{- end }}

{{/* Part of a namespaceSelector. */}}
{{- define "antiphon.watchedNamespaces" }}
{{- with .Values.watchNamespaces }}
- key: kubernetes.io/metadata.name
  operator: In
  values: {{ toJson . }}
{{- end }}
{{- end }}

{{/* Who may read metrics; everyone when nothing is said. */}}
{{- define "antiphon.metricsFrom" }}
{{- with .Values.networkPolicies.metricsFrom }}
from:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
