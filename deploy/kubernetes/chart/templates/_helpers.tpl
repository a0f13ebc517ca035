{{/* Names and labels. */}}
{{- define "paintjob.name" -}}
{{- if contains .Chart.Name .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{- end -}}
{{- end }}

{{- define "paintjob.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "paintjob.labels" -}}
{{ include "paintjob.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* An image by its name in .Values.images: list of root and name. */}}
{{- define "paintjob.image" -}}
{{- $root := index . 0 -}}
{{- $image := index $root.Values.images (index . 1) -}}
{{- $name := printf "%s/%s" $root.Values.images.registry $image.repository -}}
{{- if $image.digest }}{{ $name }}@{{ $image.digest }}{{ else }}{{ $name }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* A value as text. Helm reads whole numbers as floating-point ones, and would write 5e+10. */}}
{{- define "paintjob.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) -}}{{ int64 . }}{{ else }}{{ toString . }}{{ end -}}
{{- end }}

{{/* The workers with their defaults, as a JSON list: a template returns text. */}}
{{- define "paintjob.workers" -}}
{{- $found := list -}}
{{- range .Values.workers -}}
{{- $found = append $found (mergeOverwrite (deepCopy $.Values.workerDefaults) .) -}}
{{- end -}}
{{ toJson $found }}
{{- end }}

{{/* "true" if a queue may be without a worker for as long as it has no jobs. */}}
{{- define "paintjob.scalesToZero" -}}
{{- if .Values.autoscaling.keda -}}
{{- range include "paintjob.workers" . | fromJsonArray -}}
{{- if eq (int .minReplicas) 0 -}}true{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The Secret with the broker's URL; empty if Valkey's password makes it. */}}
{{- define "paintjob.brokerSecret" -}}
{{- if .Values.broker.existingSecret -}}{{ .Values.broker.existingSecret }}
{{- else if .Values.broker.url -}}{{ include "paintjob.name" . }}-broker
{{- else if not .Values.valkey.enabled -}}{{ fail "set broker.existingSecret, broker.url or valkey.enabled" }}
{{- end -}}
{{- end }}

{{- define "paintjob.valkeySecret" -}}
{{- if .Values.valkey.existingSecret -}}{{ .Values.valkey.existingSecret }}
{{- else -}}{{ include "paintjob.name" . }}-valkey{{- end -}}
{{- end }}

{{/* The pod of a process, without its container's own part: list of root, component, its values. */}}
{{- define "paintjob.pod" -}}
{{- $root := index . 0 -}}{{- $component := index . 1 -}}{{- $own := index . 2 -}}
serviceAccountName: {{ include "paintjob.name" $root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.images.pullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with $own.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
topologySpreadConstraints:
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "paintjob.selector" $root | nindent 8 }}
        {{- $component | nindent 8 }}
    # Pods of an old revision go anyway: only those of the same one are spread.
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- range $field := list "nodeSelector" "tolerations" "affinity" }}
{{- with get $own $field }}
{{ $field }}: {{ toJson . }}
{{- end }}
{{- end }}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: {{ $own.tmpSize }}}
  - name: data
    {{- if $root.Values.blobs.volume.enabled }}
    persistentVolumeClaim:
      claimName: {{ $root.Values.blobs.volume.existingClaim | default (printf "%s-blobs" (include "paintjob.name" $root)) }}
    {{- else }}
    emptyDir: {sizeLimit: 64Mi}
    {{- end }}
  {{- if $root.Values.models.file }}
  - name: models-file
    configMap:
      name: {{ include "paintjob.name" $root }}-models
  {{- end }}
  {{- if $own.models }}
  - name: models
    persistentVolumeClaim:
      claimName: {{ $root.Values.models.volume.existingClaim | default (printf "%s-models" (include "paintjob.name" $root)) }}
  - name: shared-memory
    emptyDir: {medium: Memory, sizeLimit: 1Gi}
  {{- end }}
{{- end }}

{{/* What every container has: list of root, role, its values. */}}
{{- define "paintjob.container" -}}
{{- $root := index . 0 -}}{{- $role := index . 1 -}}{{- $own := index . 2 -}}
imagePullPolicy: {{ $root.Values.images.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources: {{ toJson $own.resources }}
envFrom:
  - configMapRef:
      name: {{ include "paintjob.name" $root }}-settings
  {{- with $root.Values.blobs.existingSecret }}
  - secretRef:
      name: {{ . }}
  {{- end }}
  {{- with $root.Values.envFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
env:
  {{- $secret := include "paintjob.brokerSecret" $root }}
  {{- if $secret }}
  - name: PAINTJOB_REDIS_URL
    valueFrom:
      secretKeyRef:
        name: {{ $secret }}
        key: {{ get $root.Values.broker.keys $role }}
  {{- else }}
  - name: VALKEY_PASSWORD
    valueFrom:
      secretKeyRef:
        name: {{ include "paintjob.valkeySecret" $root }}
        key: password
  - name: PAINTJOB_REDIS_URL
    value: redis://:$(VALKEY_PASSWORD)@{{ include "paintjob.name" $root }}-valkey:6379/0
  {{- end }}
  {{- range $name, $value := $own.env }}
  - name: {{ $name }}
    value: {{ include "paintjob.text" $value | quote }}
  {{- end }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  - name: data
    mountPath: /data
  {{- if $root.Values.models.file }}
  - name: models-file
    mountPath: /etc/paintjob
  {{- end }}
  {{- if $own.models }}
  - name: models
    mountPath: /models
  - name: shared-memory
    mountPath: /dev/shm
  {{- end }}
{{- end }}

{{/* The age of the file that the loop of a worker or courier touches: list of file and seconds. */}}
{{- define "paintjob.pulse" -}}
exec:
  command: [sh, -c, 'test -n "$(find "$PAINTJOB_HEALTH_FILE" -newermt "-{{ . }} seconds")"']
{{- end }}

{{/* A budget: list of root, name, labels of the component. */}}
{{- define "paintjob.budget" -}}
{{- $root := index . 0 -}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ index . 1 }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "paintjob.labels" $root | nindent 4 }}
spec:
  maxUnavailable: 1
  # A pod that is not ready does no work, so it need not hold up a node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "paintjob.selector" $root | nindent 6 }}
      {{- index . 2 | nindent 6 }}
{{- end }}

{{/* The head of a network policy: list of root and name. */}}
{{- define "paintjob.policy" -}}
{{- $root := index . 0 -}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "paintjob.name" $root }}-{{ index . 1 }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "paintjob.labels" $root | nindent 4 }}
{{- end }}

{{/* What Prometheus selects. */}}
{{- define "paintjob.monitored" -}}
metadata:
  name: {{ include "paintjob.name" . }}
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "paintjob.labels" . | nindent 4 }}
    {{- with .Values.monitoring.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "paintjob.endpoints" -}}
- port: metrics
  interval: {{ .Values.monitoring.intervalSeconds }}s
  relabelings:
    # The alerts know jobs by paintjob-api, paintjob-courier and paintjob-worker.
    - sourceLabels: [__meta_kubernetes_pod_label_app_kubernetes_io_component]
      targetLabel: job
      replacement: paintjob-$1
{{- end }}
