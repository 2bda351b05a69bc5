import { testFilter } from 'flotilla/testing/conformance'
import { rack } from './rack.js'

testFilter(rack)
