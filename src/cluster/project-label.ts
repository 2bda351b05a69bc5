/** The label by which every Compose marks what belongs to a project: its containers, networks and volumes. */
export const PROJECT_LABEL = 'com.docker.compose.project'
